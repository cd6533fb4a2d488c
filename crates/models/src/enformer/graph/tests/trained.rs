//! What is trained changes, and nothing else.

use std::collections::BTreeMap;

use super::*;
use crate::train::Optimizer;

const ALL: [&str; 12] = [
    "head",
    "pointwise",
    "last:1",
    "last:2",
    "transformer",
    "layer-norms",
    "tower",
    "batch-norm",
    "lora:2",
    "head,pointwise,last:1,lora:3",
    "head,layer-norms,lora:1",
    "head,pointwise,transformer,tower,batch-norm",
];

/// The model's own name of what an addition of low rank changes.
fn saved_name(name: &str) -> String {
    match name.rsplit_once(".lora_") {
        Some((layer, _)) => format!("{layer}.weight"),
        None => name.to_owned(),
    }
}

fn learner<'a>(graph: &'a Graph, config: &EnformerConfig) -> Learner<'a> {
    let length = config.input_length;
    let x = match graph.entry() {
        Entry::Letters => letters(length, 2, Precision::Single),
        Entry::Block(block) => {
            let engine: Engine<f32> = Engine::new(config, &mut source).unwrap();
            let rows = (0..2).flat_map(|i| engine.rows_before(sequence(length, i).codes(), block)).collect();
            Tensor::from_f32(rows, &[2, config.n_positions(length), config.dim], Device::Cpu).unwrap()
        }
    };
    let bins = config.kept_bins(config.n_positions(length)).len();
    let target = |tracks: usize| {
        let values = (0..2 * bins * tracks).map(|i| (i % 5) as f32).collect();
        Tensor::from_f32(values, &[2, bins, tracks], Device::Cpu).unwrap()
    };
    let targets = config.output_heads.iter().map(|head| target(head.tracks.len())).collect();
    Learner { graph, x, targets, loss: Loss::Poisson }
}

fn bits(tensor: &crate::Tensor) -> Vec<u32> {
    tensor.clone().into_f32().into_iter().map(f32::to_bits).collect()
}

#[test]
fn what_is_trained_has_gradients_and_nothing_else_changes() {
    let config = small(64, None);
    let before: BTreeMap<String, Vec<u32>> = parameters(&config)
        .into_iter()
        .map(|it| (it.name.clone(), source(&it).unwrap().into_iter().map(f32::to_bits).collect()))
        .collect();
    for text in ALL {
        let trainable: Trainable = text.parse().unwrap();
        let names = trainable.resolve(&config).unwrap();
        let graph = Graph::new(&config, &trainable, &mut source, GraphOptions::default()).unwrap();
        let trained: Vec<String> = graph.parameters().trained().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(trained, names, "{text}");
        for (name, tensor) in graph.weights().unwrap().tensors() {
            assert_eq!(bits(tensor), before[name], "{text}: {name} before training");
        }
        let learner = learner(&graph, &config);
        let (loss, _) = learner.loss(&(), &mut training_pass()).unwrap();
        let gradients = loss.gradients().unwrap();
        for (name, tensor) in graph.parameters().trained() {
            let gradient =
                gradients.get(&tensor).unwrap_or_else(|| panic!("{text}: {name}")).to_f64().unwrap();
            // The second matrix of an addition begins as zeros.
            let is_first = name.ends_with(".lora_a");
            assert_eq!(gradient.iter().all(|g| *g == 0.0), is_first, "{text}: {name}");
        }
        let stepping =
            Stepping { optimizer: Optimizer::default(), clip: None, accumulate: 1, decay_all: false };
        learn(&learner, stepping, 1e-3, 1);
        let follows = |name: &str| text.contains("batch-norm") && name.contains(".running_");
        let saved = graph.weights().unwrap();
        for (name, before) in &before {
            let is_changed = saved.get(name).is_some_and(|tensor| bits(tensor) != *before);
            let expected = names.iter().any(|it| saved_name(it) == *name) || follows(name);
            assert_eq!(is_changed, expected, "{text}: {name}");
        }
    }
}

#[test]
fn what_no_head_reads_is_not_trained() {
    let reads = EnformerHeadInput::NormedTransformer;
    let heads = vec![EnformerHead { reads, ..EnformerHead::numbered("rows", 2) }];
    let config = EnformerConfig { output_heads: heads, ..small(64, None) };
    let trainable: Trainable = "head,pointwise,batch-norm".parse().unwrap();
    let names = trainable.resolve(&config).unwrap();
    let of_head = names.iter().filter(|name| name.starts_with("_heads.rows.")).count();
    assert_eq!((of_head, names.len()), (4, 4 + 2 * (1 + 4)));
    let graph = Graph::new(&config, &trainable, &mut source, GraphOptions::default()).unwrap();
    let (loss, _) = learner(&graph, &config).loss(&(), &mut training_pass()).unwrap();
    let gradients = loss.gradients().unwrap();
    for (name, tensor) in graph.parameters().trained() {
        let gradient = gradients.get(&tensor).unwrap().to_f64().unwrap();
        assert!(gradient.iter().any(|value| *value != 0.0), "{name}");
    }
}

#[test]
fn merged_additions_are_the_same_model() {
    let config = small(64, None);
    let trainable: Trainable = "head,lora:2".parse().unwrap();
    let graph = Graph::new(&config, &trainable, &mut source, GraphOptions::default()).unwrap();
    let learner = learner(&graph, &config);
    let stepping = Stepping { optimizer: Optimizer::default(), clip: None, accumulate: 1, decay_all: false };
    learn(&learner, stepping, 1e-2, 3);
    let saved = graph.weights().unwrap();
    let mut merged = |it: &Parameter| match saved.get(&it.name) {
        Some(tensor) => Ok(tensor.clone().into_f32()),
        None => source(it),
    };
    let merged = Graph::whole(&config, &mut merged, GraphOptions::default()).unwrap();
    let of_letters = merged.forward(&letters(64, 2, Precision::Single), &mut Pass::Evaluation).unwrap();
    let of_rows = graph.forward(&learner.x, &mut Pass::Evaluation).unwrap();
    for (a, b) in of_letters.iter().zip(&of_rows) {
        assert_close(&a.to_f64().unwrap(), &b.to_f64().unwrap(), 2e-5, "merged");
    }
}

/// The engine up to a block and the graph from there on are the whole graph.
#[test]
fn the_graph_goes_on_where_the_engine_ends() {
    let config = small(83, Some(4));
    let options = GraphOptions { precision: Precision::Double, ..GraphOptions::default() };
    let whole = Graph::whole(&config, &mut source, options).unwrap();
    let expected = whole.forward(&letters(83, 2, Precision::Double), &mut Pass::Evaluation).unwrap();
    let engine: Engine<f64> = Engine::new(&config, &mut source).unwrap();
    for (text, block) in [("head", 2), ("last:1", 1), ("transformer", 0)] {
        let mut taken = Vec::new();
        let mut source = |it: &Parameter| {
            taken.push(it.name.clone());
            source(it)
        };
        let graph = Graph::new(&config, &text.parse().unwrap(), &mut source, options).unwrap();
        assert_eq!(graph.entry(), Entry::Block(block));
        let blocks = taken.iter().filter_map(|name| name.strip_prefix("transformer.")?.split('.').next());
        assert!(blocks.map(|it| it.parse::<usize>().unwrap()).all(|it| it >= block), "{taken:?}");
        assert!(!taken.iter().any(|name| name.starts_with("stem") || name.starts_with("conv_tower")));
        let rows = (0..2).flat_map(|i| engine.rows_before(sequence(83, i).codes(), block)).collect();
        let x = Tensor::from_f64(rows, &[2, 11, 12], Precision::Double, Device::Cpu).unwrap();
        let found = graph.forward(&x, &mut Pass::Evaluation).unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            assert_close(&found.to_f64().unwrap(), &expected.to_f64().unwrap(), 1e-11, text);
        }
        let short = Tensor::from_f64(vec![0.0; 22], &[1, 2, 11], Precision::Double, Device::Cpu).unwrap();
        let error = graph.forward(&short, &mut Pass::Evaluation).unwrap_err().to_string();
        assert!(error.ends_with("found shape [1, 2, 11], expected [batch, length, 12]"), "{error}");
    }
}

#[test]
fn where_nothing_is_trained_nothing_is_dropped() {
    let config = small(64, None);
    let graph = Graph::new(&config, &"head".parse().unwrap(), &mut source, GraphOptions::default()).unwrap();
    let x = learner(&graph, &config).x;
    let run = |graph: &Graph, pass: &mut Pass| graph.forward(&x, pass).unwrap()[0].to_f32().unwrap();
    assert_eq!(run(&graph, &mut training_pass()), run(&graph, &mut Pass::Evaluation));
    let pointwise = Graph::new(&config, &"pointwise".parse().unwrap(), &mut source, GraphOptions::default());
    let pointwise = pointwise.unwrap();
    assert_ne!(run(&pointwise, &mut training_pass()), run(&pointwise, &mut Pass::Evaluation));
    assert_eq!(run(&pointwise, &mut training_pass()), run(&pointwise, &mut training_pass()));
}

#[test]
fn groups_are_named_and_refused_by_name() {
    let message = |text: &str| {
        let found = text.parse::<Trainable>().and_then(|it| it.resolve(&small(64, None)).map(|_| ()));
        found.unwrap_err().to_string()
    };
    for text in ["", "heads", "last", "last:0", "last:-1", "last:x", "lora:", "head,,tower", "head;tower"] {
        let error = message(text);
        assert!(error.starts_with("option trainable is \"") && error.contains("last:N"), "{text}: {error}");
    }
    assert!(message("last:1,last:2").contains("names the group of last:2 twice"));
    assert_eq!(
        message("last:3"),
        "option trainable is last:3, expected last:N with at most the 2 blocks of the model"
    );
    assert_eq!(
        message("lora:9"),
        "option trainable is lora:9, expected lora:R with at most the 8 numbers of a layer"
    );
    let sorted: Trainable = " tower, head ,last:2".parse().unwrap();
    assert_eq!(sorted.to_string(), "head,last:2,tower");
    assert_eq!(sorted.to_string().parse::<Trainable>().unwrap(), sorted);
}

#[test]
fn groups_hold_the_tensors_that_their_names_say() {
    let config = small(64, None);
    let count = |text: &str| text.parse::<Trainable>().unwrap().resolve(&config).unwrap().len();
    // Of a block 16 tensors, 4 of its normalisations; of a stage two layers, the pool and two normalisations, one in
    // the stem.
    let cases = [
        ("head", 4),
        ("pointwise", 2),
        ("last:1", 16),
        ("transformer", 32),
        ("layer-norms", 8),
        ("tower", 15),
        ("batch-norm", 2 * (1 + 4 + 1)),
        ("lora:2", 2 * 3 * 2),
        ("last:1,lora:2", 16 + 3 * 2),
        ("transformer,lora:2", 32),
    ];
    for (text, n) in cases {
        assert_eq!(count(text), n, "{text}");
    }
    let all = parameters(&config).into_iter().filter(|it| it.trained).count();
    assert_eq!(count("head,pointwise,transformer,tower,batch-norm"), all);
}
