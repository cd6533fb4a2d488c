//! Gradients of the whole graph against differences, and computed again.

use super::*;

/// Everything, and additions of low rank beside frozen weights.
const TRAINED: [&str; 2] = ["head,pointwise,transformer,tower,batch-norm", "head,layer-norms,lora:2"];

fn graph(trainable: &str, config: &EnformerConfig, options: GraphOptions) -> Graph {
    let graph = Graph::new(config, &trainable.parse().unwrap(), &mut source, options).unwrap();
    let names: Vec<String> = graph.parameters().all().map(|(name, _)| name.to_owned()).collect();
    // Where the second matrix of an addition is zeros, there is no gradient by the first.
    for name in names.iter().filter(|name| name.ends_with(".lora_b")) {
        let n = graph.parameters().get(name).unwrap().shape().iter().product();
        let mut stream = Seed::new(8).stream(name, 0);
        graph.parameters().set(name, (0..n).map(|_| 0.5 * stream.normal()).collect()).unwrap();
    }
    graph
}

/// What comes into a graph, two of them.
fn input(graph: &Graph, config: &EnformerConfig, precision: Precision) -> Tensor {
    let Entry::Block(block) = graph.entry() else { return letters(config.input_length, 2, precision) };
    let engine: Engine<f64> = Engine::new(config, &mut source).unwrap();
    let rows = (0..2).flat_map(|i| engine.rows_before(sequence(config.input_length, i).codes(), block));
    let shape = [2, config.n_positions(config.input_length), config.dim];
    Tensor::from_f64(rows.collect(), &shape, precision, Device::Cpu).unwrap()
}

/// The sum of all heads, each number with a weight of its own.
fn weighed(outputs: &[Tensor]) -> Tensor {
    let sum = |output: &Tensor| {
        let n: usize = output.shape().iter().product();
        let weights = output.with_values((0..n).map(|i| (i as f64 * 0.7).sin()).collect()).unwrap();
        output.mul(&weights).unwrap().sum().unwrap()
    };
    outputs.iter().map(sum).reduce(|a, b| a.add(&b).unwrap()).unwrap()
}

#[test]
fn gradients_are_those_of_central_differences() {
    const STEP: f64 = 1e-5;
    // Odd lengths in the tower, and the rates of dropout as they are.
    let config = small(43, Some(4));
    let all = TRAINED.map(|trainable| (trainable, &config));
    let heads = with_contexts();
    for (trainable, config) in all.into_iter().chain([("head", &heads)]) {
        let options = GraphOptions { precision: Precision::Double, ..GraphOptions::default() };
        let graph = graph(trainable, config, options);
        let x = input(&graph, config, Precision::Double);
        let cost = || weighed(&graph.forward(&x, &mut training_pass()).unwrap());
        let gradients = cost().gradients().unwrap();
        for (name, tensor) in graph.parameters().trained() {
            let analytic = gradients.get(&tensor).unwrap().to_f64().unwrap();
            let values = tensor.to_f64().unwrap();
            let scale = analytic.iter().fold(1e-3_f64, |most, g| most.max(g.abs()));
            for i in [0, values.len() / 3, values.len() - 1] {
                let at = |shift: f64| {
                    let mut changed = values.clone();
                    changed[i] += shift;
                    graph.parameters().set(name, changed).unwrap();
                    cost().scalar().unwrap()
                };
                let numeric = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                graph.parameters().set(name, values.clone()).unwrap();
                let error = (analytic[i] - numeric).abs() / scale;
                // Costs of some 10, rounded at 1e-15 and divided by the step, beside the step's square.
                assert!(error < 2e-6, "{trainable}: {name} {i}: {} against {numeric}", analytic[i]);
            }
        }
    }
}

#[test]
fn computed_again_everything_is_the_same_to_the_last_bit() {
    let config = small(83, None);
    for trainable in TRAINED {
        let run = |recompute: bool| {
            let graph = graph(trainable, &config, GraphOptions { recompute, ..GraphOptions::default() });
            let x = input(&graph, &config, Precision::Single);
            let cost = weighed(&graph.forward(&x, &mut training_pass()).unwrap());
            let gradients = cost.gradients().unwrap();
            let bits =
                |tensor: Tensor| tensor.to_f32().unwrap().into_iter().map(f32::to_bits).collect::<Vec<u32>>();
            let trained = graph.parameters().trained();
            let gradients: Vec<_> = trained.map(|(_, it)| bits(gradients.get(&it).unwrap())).collect();
            // Running statistics are there, too: they follow the batch once.
            (bits(cost), gradients, graph.parameters().all().map(|(_, it)| bits(it)).collect::<Vec<_>>())
        };
        assert_eq!(run(false), run(true), "{trainable}");
    }
}

#[test]
fn threads_change_nothing() {
    // Long enough that attention, dropout and pools are shared out.
    let config = small(3001, None);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let graph = graph(TRAINED[0], &config, GraphOptions::default());
            let x = letters(config.input_length, 2, Precision::Single);
            let cost = weighed(&graph.forward(&x, &mut training_pass()).unwrap());
            let gradients = cost.gradients().unwrap();
            let trained = graph.parameters().trained();
            let of_one = |(_, it): (&str, Tensor)| gradients.get(&it).unwrap().to_f32().unwrap();
            trained.flat_map(of_one).map(f32::to_bits).collect::<Vec<u32>>()
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn in_evaluation_nothing_is_kept_for_gradients() {
    let config = small(64, None);
    let graph = graph(TRAINED[0], &config, GraphOptions::default());
    let cost =
        weighed(&graph.forward(&input(&graph, &config, Precision::Single), &mut Pass::Evaluation).unwrap());
    let gradients = cost.gradients().unwrap();
    for (name, tensor) in graph.parameters().trained() {
        assert_eq!(gradients.get(&tensor).is_some(), name.starts_with("_heads."), "{name}");
    }
}

#[test]
fn each_rate_of_dropout_acts_by_itself() {
    let rates = |dropout_rate, attn_dropout, pos_dropout| EnformerConfig {
        dropout_rate,
        attn_dropout,
        pos_dropout,
        ..small(64, None)
    };
    let differs = |config: &EnformerConfig, trainable: &str| {
        let graph = graph(trainable, config, GraphOptions::default());
        let x = input(&graph, config, Precision::Single);
        let run = |mut pass: Pass| graph.forward(&x, &mut pass).unwrap()[0].to_f32().unwrap();
        run(training_pass()) != run(Pass::Evaluation)
    };
    assert!(!differs(&rates(0.0, 0.0, 0.0), "transformer"));
    for config in [rates(0.4, 0.0, 0.0), rates(0.0, 0.4, 0.0), rates(0.0, 0.0, 0.4)] {
        assert!(differs(&config, "transformer"));
        assert_eq!(differs(&config, "pointwise"), config.dropout_rate > 0.0);
        assert!(!differs(&config, "head"));
    }
}
