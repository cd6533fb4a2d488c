#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fmt::Write;

use cistron_core::Alphabet;
use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<Structure, String> {
    Structure::read(text.as_bytes(), "x".as_ref()).map_err(|error| error.to_string())
}

/// A line of a PDB file.
fn line(record: &str, atom: &str, residue: &str, chain: char, number: &str, x: f64, rest: &str) -> String {
    format!(
        "{record:6}    1 {atom:^4} {residue:>3} {chain}{number:>4}    {x:8.3}{:8.3}{:8.3}{rest}\n",
        0.5, -1.0
    )
}

fn ca(residue: &str, number: &str, x: f64) -> String {
    line("ATOM", "CA", residue, 'A', number, x, "  1.00 10.00           C")
}

const COLUMNS: [&str; 12] = [
    "group_PDB",
    "id",
    "label_atom_id",
    "label_alt_id",
    "label_comp_id",
    "auth_asym_id",
    "auth_seq_id",
    "pdbx_PDB_ins_code",
    "Cartn_x",
    "Cartn_y",
    "Cartn_z",
    "occupancy",
];

fn cif(rows: &str) -> String {
    let mut text = "data_X\n#\n_entry.id 'X Y'\nloop_\n_other.a\n_other.b\n1 \"2 3\"\n#\nloop_\n".to_owned();
    for column in COLUMNS {
        writeln!(text, "_atom_site.{column}").unwrap();
    }
    text + rows
}

fn first(structure: &Structure) -> Vec<(i64, char, f64)> {
    let chain = structure.chain(None).unwrap();
    chain.residues().iter().map(|residue| (residue.number, residue.letter, residue.place[0])).collect()
}

#[test]
fn the_rules_hold_in_either_format() {
    let pdb = [
        "HEADER    TOY\n".to_owned(),
        "MODEL        3\n".to_owned(),
        line("ATOM", "N", "ALA", 'A', "5", 9.0, "  1.00"),
        ca("ALA", "5", 1.0),
        // Alternate locations: the highest occupancy, then the first.
        line("ATOM", "CA", "SER", 'A', "6", 2.0, "  0.40"),
        line("ATOM", "CA", "CYS", 'A', "6", 3.0, "  0.60"),
        line("ATOM", "CA", "GLY", 'A', "6", 4.0, "  0.60"),
        // An insertion code.
        line("ATOM", "CA", "TRP", 'A', "6", 5.0, "  1.00").replacen("   6 ", "   6B", 1),
        // A modified residue, a calcium ion, another chain, a residue that is not known.
        line("HETATM", "CA", "MSE", 'A', "-1", 6.0, ""),
        line("HETATM", "CA", "CA", 'A', "200", 7.0, ""),
        line("ATOM", "CA", "UNK", 'A', "8", 8.0, ""),
        line("ATOM", "C1'", "DT", 'B', "1", 9.0, ""),
        "ENDMDL\nMODEL        4\n".to_owned(),
        ca("ALA", "9", 1.0),
    ];
    let rows = "ATOM 1 N . ALA A 5 ? 9 0.5 -1 1\n\
        ATOM 1 CA . ALA A 5 ? 1.0 0.5 -1.0(3) 1\n\
        ATOM 1 'CA' A SER A 6 ? 2 0.5 -1 0.4\n\
        ATOM 1 CA B CYS A 6 ? 3 0.5 -1 0.6\n\
        ATOM 1 CA C GLY A 6 ? 4 0.5 -1 0.6\n\
        ATOM 1 CA . TRP A 6 B 5 0.5 -1 1\n\
        HETATM 1 CA . MSE A -1 ? 6 0.5 -1\n .\n\
        HETATM 1 CA . CA A 200 ? 7 0.5 -1 ?\n\
        ATOM 1 CA . UNK A 8 ? 8 0.5 -1 1\n\
        ATOM 1 \"C1'\" . DT B 1 ? 9 0.5 -1 1 # the end\n#\nloop_\n_later.x\n1\n;\nany text\n;\n";
    for text in [pdb.concat(), pdb.concat().replace('\n', "\r\n"), cif(rows)] {
        let structure = read(&text).unwrap();
        assert_eq!(first(&structure), [(-1, 'M', 6.0), (5, 'A', 1.0), (6, 'C', 3.0), (8, 'X', 8.0)]);
        assert_eq!(structure.chains()[0].inserted(), ["6B"]);
        let b = structure.chain(Some("B")).unwrap();
        assert_eq!((b.residues()[0].letter, b.residues()[0].place), ('T', [9.0, 0.5, -1.0]));
        let error = structure.chain(Some("C")).unwrap_err();
        assert_eq!(error.to_string(), "chain `C` is not there, expected one of A, B");
    }
}

#[test]
fn the_first_model_of_mmcif_is_read() {
    let mut text = "data_X\nloop_\n".to_owned();
    for column in ["label_atom_id", "label_comp_id", "label_asym_id", "label_seq_id", "pdbx_PDB_model_num"] {
        writeln!(text, "_ATOM_SITE.{column}").unwrap();
    }
    text +=
        "_atom_site.Cartn_x _atom_site.Cartn_y _atom_site.Cartn_z\nCA GLY A 3 2 1 2 3\nCA ALA A 4 1 1 2 3\n";
    assert_eq!(first(&read(&text).unwrap()), [(3, 'G', 1.0)]);
}

#[test]
fn what_is_no_structure_says_where() {
    let nothing = "x: holds no residue, expected PDB or mmCIF with atoms CA or C1'";
    let good = ca("ALA", "5", 1.0);
    let cases = [
        (String::new(), nothing),
        ("\n\n".to_owned(), nothing),
        (">a\nACDE\n".to_owned(), nothing),
        ("data_X\n_atom_site.id 1\n".to_owned(), nothing),
        (good[..50].to_owned(), "x:1: line has 50 bytes, expected coordinates up to byte 54"),
        (good.clone() + &ca("ALA", "5x", 1.0), "x:2:23: `5x` found, expected the number of a residue"),
        (good.replace("  1.000", "  1.O00"), "x:1:31: `1.O00` found, expected a coordinate in Å"),
        (good.replace("  0.500", "    NaN"), "x:1:39: `NaN` found, expected a coordinate in Å"),
        (good.replace(" 1.00 ", " full "), "x:1:55: `full` found, expected an occupancy"),
        (good.replace("ALA", "   "), "x:1:18: found no name of a residue, expected one such as ALA"),
        (cif("ATOM 1 CA . ALA A x ? 1 2 3 1\n"), "x:22:19: `x` found, expected the number of a residue"),
        (cif("ATOM 1 CA . ALA A 5 ? 1 ? 3 1\n"), "x:22:25: `?` found, expected a coordinate in Å"),
        (cif("ATOM 1 CA . ALA A 5 ? 1 2 3 b\n"), "x:22:29: `b` found, expected an occupancy"),
        (
            cif("ATOM 1 CA . ALA A 5 ? 1 2 3 1\nATOM 2 CA . ALA\n"),
            "x:23: row of atoms has 5 values, expected 12",
        ),
        (cif("ATOM 1 'CA . ALA\n"), "x:22:8: quote found that is not closed on its line"),
        (
            cif("").replace("_atom_site.Cartn_y\n", "") + "ATOM 1\n",
            "x:21: atoms begin without a column `_atom_site.Cartn_y`",
        ),
        ("data_X\n;text\n".to_owned(), "x: ends inside a text that `;` begins, it may be cut short"),
    ];
    for (text, expected) in cases {
        assert_eq!(read(&text).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn columns_lie_at_the_residues_of_their_positions() {
    let text = ca("ALA", "5", 1.0) + &ca("GLY", "6", 2.0) + &ca("UNK", "8", 3.0) + &ca("VAL", "9", 4.0);
    let wild_type = WildType::new(Alphabet::protein(), b"ADKL-", vec![5, 6, 7, 8, 9]).unwrap();
    let placement = read(&text).unwrap().chain(None).unwrap().place(&wild_type);
    let xs: Vec<Option<f64>> = placement.places.iter().map(|place| place.map(|[x, ..]| x)).collect();
    assert_eq!(xs, [Some(1.0), Some(2.0), None, Some(3.0), Some(4.0)]);
    assert_eq!(placement.missing, [7]);
    let differing: Vec<_> =
        placement.differing.iter().map(|it| (it.position, it.expected, it.found, it.name.as_str())).collect();
    assert_eq!(differing, [(6, 'D', 'G', "GLY"), (8, 'L', 'X', "UNK")]);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(
        text in "(data_\n|loop_\n)?((ATOM|HETATM|_atom_site\\.[a-z]{1,4}|CA|ENDMDL|;|'|\"|#|[ 0-9.A\n]{1,12}) ?){0,30}",
    ) {
        let _ = read(&text);
    }

    #[test]
    fn both_formats_say_the_same(
        rows in prop::collection::btree_map(-99_i64..999, (0_usize..20, -999_i32..999), 1..20),
    ) {
        let names = ["ALA", "CYS", "ASP", "GLU", "PHE", "GLY", "HIS", "ILE", "LYS", "LEU"];
        let (mut pdb, mut rows_of_cif) = (String::new(), String::new());
        for (number, (name, x)) in &rows {
            let (name, x) = (names[name % names.len()], f64::from(*x) / 8.0);
            pdb += &ca(name, &number.to_string(), x);
            writeln!(rows_of_cif, "ATOM 1 CA . {name} A {number} ? {x:.3} 0.5 -1.0 1").unwrap();
        }
        prop_assert_eq!(read(&pdb).unwrap(), read(&cif(&rows_of_cif)).unwrap());
    }
}
