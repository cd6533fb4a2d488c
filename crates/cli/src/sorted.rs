//! Many sorted lists as one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Hands the items of sorted sources to `each`, the smallest key first, of equal keys that of the first source.
///
/// A source gives its next key and item, or `None` at its end; one item of each is in memory.
pub(crate) fn merge_sorted<K: Ord, T>(
    mut sources: Vec<impl FnMut() -> anyhow::Result<Option<(K, T)>>>,
    each: &mut dyn FnMut(T) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut keys = BinaryHeap::new();
    let mut items = Vec::new();
    for (index, source) in sources.iter_mut().enumerate() {
        let next = source()?;
        items.push(next.map(|(key, item)| {
            keys.push(Reverse((key, index)));
            item
        }));
    }
    while let Some(Reverse((_, index))) = keys.pop() {
        let item = match sources[index]()? {
            Some((key, item)) => {
                keys.push(Reverse((key, index)));
                items[index].replace(item)
            }
            None => items[index].take(),
        };
        item.map_or(Ok(()), &mut *each)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_become_one_and_equal_keys_keep_the_order_of_the_lists() {
        let lists = [vec![(1, 'a'), (3, 'b'), (3, 'c')], vec![], vec![(0, 'd'), (3, 'e')], vec![(2, 'f')]];
        let mut lists = lists.map(Vec::into_iter);
        let sources = lists.iter_mut().map(|list| || Ok(list.next())).collect();
        let mut merged = String::new();
        merge_sorted(sources, &mut |item| {
            merged.push(item);
            Ok(())
        })
        .unwrap();
        assert_eq!(merged, "dafbce");
    }

    #[test]
    fn an_error_ends_the_merge() {
        let broken = || anyhow::bail!("no more");
        let merged = merge_sorted::<u8, u8>(vec![broken], &mut |_| Ok(()));
        assert_eq!(merged.unwrap_err().to_string(), "no more");
    }
}
