//! What is wrong is named with its place.

use super::*;

/// A sound network, with some of its text exchanged.
fn config(from: &str, to: &str) -> Result<ConvNetConfig, ModelsError> {
    let text = r#"{"model_type": "convnet", "version": 1, "alphabet": "ACGT", "input_length": 30, "layers": [
        {"op": "conv1d", "name": "a", "in": 4, "out": 6, "kernel": 5}, {"op": "batch_norm", "name": "n", "channels": 6},
        {"op": "max_pool", "kernel": 2}, {"op": "residual", "layers": [
            {"op": "conv1d", "name": "b", "in": 6, "out": 6, "kernel": 3, "padding": 1}, {"op": "relu"}]},
        {"op": "flatten"}, {"op": "dropout", "p": 0.5}, {"op": "linear", "name": "c", "in": 78, "out": 2}],
        "heads": [{"name": "out", "tracks": ["x", "y"]}]}"#;
    assert!(text.contains(from), "{from}");
    ConvNetConfig::from_json(&text.replacen(from, to, 1))
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn configurations() {
    assert!(config("convnet", "convnet").is_ok());
    let cases = [
        ("\"convnet\"", "\"net\"", "model_type: found Some(\"net\"), expected \"convnet\""),
        ("\"version\": 1", "\"version\": 2", "version: found 2, expected 1"),
        (
            "\"input_length\": 30,",
            "\"input_length\": 0,",
            "input_length: found 0, expected at least 1 or null",
        ),
        ("\"alphabet\": \"ACGT\"", "\"alphabet\": \"ACGTT\"", "alphabet: "),
        ("\"alphabet\": \"ACGT\",", "", "config: `alphabet` is missing"),
        (
            "\"op\": \"flatten\"",
            "\"op\": \"flat\"",
            "layers[4]: found op `flat`, expected one of conv1d, batch_norm,",
        ),
        ("\"op\": \"relu\"", "\"op\": \"relu\", \"p\": 1", "layers[3].layers[1]: found `p`, expected op"),
        ("\"in\": 6,", "\"in\": 7,", "layers[3] (residual).layers[0] (b): found `in` 7, expected 6"),
        ("\"in\": 4,", "\"in\": -4,", "layers[0]: invalid value: integer `-4`, expected usize"),
        ("\"channels\": 6", "\"channels\": 5", "layers[1] (n): found `channels` 5, expected 6"),
        (
            "\"channels\": 6",
            "\"channels\": 6, \"eps\": 0",
            "layers[1] (n): found eps 0, expected a number above 0",
        ),
        (
            "\"kernel\": 5",
            "\"kernel\": 31",
            "layers[0] (a): the kernel spans 31 positions, expected at most the 30",
        ),
        ("\"kernel\": 5", "\"kernel\": 0", "layers[0] (a): found kernel 0, expected at least 1"),
        (
            "\"kernel\": 5",
            "\"kernel\": 5, \"groups\": 3",
            "layers[0] (a): found 3 groups of 4 channels in and 6 out",
        ),
        (
            "\"kernel\": 5",
            "\"kernel\": 5, \"stride\": 0",
            "layers[0] (a): found stride 0, expected at least 1",
        ),
        (
            "\"kernel\": 5",
            "\"kernel\": 5, \"dilation\": 18446744073709551615",
            "layers[0] (a): the kernel is longer than any sequence",
        ),
        (
            "\"kernel\": 5",
            "\"kernel\": 5, \"padding\": 18446744073709551615",
            "layers[0] (a): found padding 18446744073709551615, expected less",
        ),
        (
            "\"kernel\": 2",
            "\"kernel\": 2, \"padding\": 2",
            "layers[2] (max_pool): found padding 2, expected at most half",
        ),
        (
            "\"out\": 6, \"kernel\": 3",
            "\"out\": 5, \"kernel\": 3",
            "layers[3] (residual): its layers give 5 channels of 13",
        ),
        ("\"p\": 0.5", "\"p\": 1.0", "layers[5] (dropout): found p 1, expected a probability below 1"),
        ("\"in\": 78", "\"in\": 80", "layers[6] (c): found `in` 80, expected 78 as the layer before gives"),
        ("{\"op\": \"flatten\"},", "", "layers[5] (c): found 6 channels of 13 positions, expected features;"),
        ("\"name\": \"b\"", "\"name\": \"a\"", "names of layers: found `a` twice, expected each name once"),
        (
            "\"name\": \"b\"",
            "\"name\": \"\"",
            "names of layers: found an empty name, expected each name once",
        ),
        ("\"y\"]", "\"x\"]", "heads[0] (out): found track `x` twice, expected each name once"),
        (", \"y\"]", "]", "heads[0] (out): the layers give 2 features, expected 1 features, one a track"),
        (
            "[\"x\", \"y\"]",
            "[\"x\", \"y\"], \"bins\": 3",
            "heads[0] (out): the layers give 2 features, expected 2 channels of 3",
        ),
        (
            "[\"x\", \"y\"]",
            "[\"x\", \"y\"], \"bin_width\": 20, \"first_bin\": 11",
            "heads[0] (out): the bins end at 31, expected at most the input length 30",
        ),
        (
            "[\"x\", \"y\"]",
            "[\"x\", \"y\"], \"activation\": \"tanh\"",
            "heads[0]: unknown variant `tanh`, expected one of",
        ),
        (
            "[{\"name\": \"out\", \"tracks\": [\"x\", \"y\"]}]",
            "[]",
            "heads: found none, expected at least one",
        ),
        ("\"heads\": [", "\"heads\": 3, \"other\": [", "config: found `other`, expected model_type, version"),
        (
            "\"input_length\": 30,",
            "\"input_length\": null,",
            "layers[4] (flatten): found an input_length of null",
        ),
        ("\"out\": 6, \"kernel\": 5", "\"out\": 4611686018427387904, \"kernel\": 5", "layers[0] (a): "),
        ("{\"model_type\"", "[", "config: not sound JSON: "),
    ];
    for (from, to, expected) in cases {
        let message = config(from, to).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{from} -> {to}\n found {message}\n expected {expected}");
    }
}

#[test]
fn weights() {
    let config = config("convnet", "convnet").unwrap();
    let sound = random_weights(&config, 1);
    let load = |change: &dyn Fn(&mut Checkpoint)| {
        let mut weights = sound.clone();
        change(&mut weights);
        ConvNet::from_checkpoint(&config, &weights)
    };
    assert!(load(&|_| {}).is_ok());
    let message = |change: &dyn Fn(&mut Checkpoint)| load(change).unwrap_err().to_string();
    let put = |name: &'static str, shape: &'static [usize], value: f64| {
        move |weights: &mut Checkpoint| {
            let values = vec![value; shape.iter().product()];
            weights.insert(name, crate::Tensor::from_f64(shape, &values).unwrap());
        }
    };
    assert_eq!(
        message(&put("a.weight", &[6, 5, 4], 0.0)),
        "checkpoint: tensor `a.weight` has shape [6, 5, 4], expected [6, 4, 5]"
    );
    assert_eq!(
        message(&put("c.bias", &[2], f64::NAN)),
        "checkpoint: tensor `c.bias` holds NaN at index [0], expected finite numbers"
    );
    assert_eq!(
        message(&put("n.running_var", &[6], -0.5)),
        "checkpoint: tensor `n.running_var` holds -0.5 at index [0], expected a variance"
    );
    let missing = message(&|weights| {
        let kept = weights.tensors().filter(|(name, _)| !name.starts_with("b."));
        let mut rest = Checkpoint::new();
        kept.for_each(|(name, tensor)| rest.insert(name, tensor.clone()));
        *weights = rest;
    });
    assert!(
        missing.starts_with("checkpoint: tensors b.weight, b.bias are missing, found a.bias, a.weight"),
        "{missing}"
    );
    let (_, report) = load(&|weights| {
        put("n.num_batches_tracked", &[], 3.0)(weights);
        put("more.weight", &[1], 3.0)(weights);
    })
    .unwrap();
    assert_eq!(report.extra, ["more.weight"], "what normalisation counts is no surprise");
}

#[test]
fn prefixes_and_other_names() {
    let config = config("convnet", "convnet").unwrap();
    let sound = random_weights(&config, 1);
    let prefixed = sound.renamed(|name| format!("module.{name}"));
    let (_, report) = ConvNet::from_checkpoint(&config, &prefixed).unwrap();
    assert_eq!(report.prefix_stripped.as_deref(), Some("module."));
    let renamed = sound.renamed(|name| name.replace("a.", "trunk.0.").replace("c.weight", "last"));
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    for names in
        [map(&[("trunk.0", "a"), ("last", "c.weight")]), map(&[("a", "trunk.0"), ("c.weight", "last")])]
    {
        let (net, report) = ConvNet::named(&config, renamed.clone(), &names, Precision::Single).unwrap();
        assert_eq!(report, LoadReport::default());
        let (expected, _) = ConvNet::from_checkpoint(&config, &sound).unwrap();
        assert_eq!(net.weights().unwrap(), expected.weights().unwrap());
    }
}

#[test]
fn folders() {
    let folder = tempfile::tempdir().unwrap();
    let (net, _) = random_net(7, Precision::Single);
    net.save(folder.path()).unwrap();
    let message = |file: &str, text: &[u8]| {
        let path = folder.path().join(file);
        let before = fs::read(&path).ok();
        fs::write(&path, text).unwrap();
        let message = crate::load_model(folder.path()).err().unwrap().to_string();
        match before {
            Some(before) => fs::write(&path, before).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        message
    };
    let place = folder.path().display();
    let cases: [(&str, &[u8], &str); 5] = [
        ("config.json", b"{", "config.json: not sound JSON"),
        ("config.json", b"{\"model_type\": \"convnet\"}", "config.json: config: `alphabet` is missing"),
        ("config.json", b"{\"model_type\": \"lstm\"}", "config.json: model type `lstm` is not supported"),
        ("name_map.json", b"[1]", "name_map.json: expected an object of names and names"),
        ("model.safetensors", b"nothing", "model.safetensors: found a file that begins with \"nothing\""),
    ];
    for (file, text, expected) in cases {
        let found = message(file, text);
        assert!(found.starts_with(&format!("{place}/{expected}")), "{found}");
    }
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    let found = crate::load_model(folder.path()).err().unwrap().to_string();
    assert!(found.contains("has no weights, expected model.safetensors"), "{found}");
}
