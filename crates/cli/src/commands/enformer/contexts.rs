//! `cistron enformer contexts`.

use std::io::Write;
use std::path::PathBuf;

use cistron::models::{Enformer, EnformerContextHead, EnformerContexts};
use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::output::{Output, check_free};
use crate::record::{Record, digests};

#[derive(Args)]
pub(crate) struct ContextsArgs {
    /// Folder of a model that was finetuned with --contexts, or of one of the package's context wrappers
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Contexts: a header `track`, …, then the name of a track and its numbers, with tabs; several rows are its tokens
    #[arg(long, value_name = "TSV")]
    contexts: PathBuf,
    /// Heads of the attention of a package's wrapper, whose weights do not say how many [default: 8]
    #[arg(long, value_name = "N")]
    context_heads: Option<usize>,
    /// Folder of the model with these tracks, which other commands take as theirs
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
}

pub(super) fn contexts(args: &ContextsArgs, context: &Context) -> anyhow::Result<()> {
    let record = Record::begin();
    check_free(&args.out_dir.join("model.safetensors"), context)?;
    let contexts = EnformerContexts::read(&args.contexts)?;
    let (head, _) = match args.context_heads {
        Some(heads) => EnformerContextHead::load_with_heads(&args.model, heads)?,
        None => EnformerContextHead::load(&args.model)?,
    };
    Enformer::write_with_contexts(&args.model, &head, &contexts, &args.out_dir)?;
    let inputs = digests(&[args.model.clone(), args.contexts.clone()])?;
    record.write(&args.out_dir, context, &inputs, &json!({"command": "enformer contexts"}))?;
    let mut output = Output::open(None, context)?;
    for name in contexts.names() {
        writeln!(output, "track\t{name}")?;
    }
    output.commit()
}
