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
    for trainable in TRAINED {
        let options = GraphOptions { precision: Precision::Double, ..GraphOptions::default() };
        let graph = graph(trainable, &config, options);
        let x = input(&graph, &config, Precision::Double);
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
#[ignore = "measures"]
fn full_size() {
    let recompute = std::env::var_os("RECOMPUTE").is_some();
    let trainable = std::env::var("TRAIN").unwrap();
    let config = EnformerConfig {
        output_heads: vec![super::super::super::EnformerHead::numbered("t", 5)],
        ..EnformerConfig::default()
    };
    let mut source = |it: &Parameter| {
        Ok((0..it.shape.iter().product::<usize>())
            .map(|i| 0.02 * (i as f32 * 0.37).sin() + f32::from(u8::from(it.name.ends_with("running_var"))))
            .collect())
    };
    let graph = Graph::new(
        &config,
        &trainable.parse().unwrap(),
        &mut source,
        GraphOptions { recompute, ..GraphOptions::default() },
    )
    .unwrap();
    let x = match graph.entry() {
        Entry::Letters => letters(config.input_length, 1, Precision::Single),
        Entry::Block(_) => Tensor::from_f32(
            (0..1536 * 1536).map(|i| (i as f32 * 0.11).sin()).collect(),
            &[1, 1536, 1536],
            Device::Cpu,
        )
        .unwrap(),
    };
    for _ in 0..2 {
        let start = std::time::Instant::now();
        let out = weighed(&graph.forward(&x, &mut training_pass()).unwrap());
        let forward = start.elapsed();
        out.gradients().unwrap();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
        println!("{trainable} {recompute} forward {forward:?} all {:?} {peak}", start.elapsed());
    }
}
