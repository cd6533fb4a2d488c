//! `regions`, as a person uses it.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use support::Bench;

#[test]
fn regions_are_merged_centred_and_split() {
    let bench = Bench::new();
    bench.write("a.bed", "chr2\t5\t9\ta\t1\t+\nchr1\t40\t50\tb\t2\t-\nchr1\t8\t12\tc\t3\t+\n");
    bench.write("b.bed", "track name=x\nchr1\t10\t20\td\t4.5\t-\r\nchr1\t20\t22\te\t1\t+\n");
    assert_eq!(bench.ok("regions merge a.bed b.bed"), "chr1\t8\t22\nchr1\t40\t50\nchr2\t5\t9\n");
    assert_eq!(bench.ok("regions merge a.bed b.bed --distance 18"), "chr1\t8\t50\nchr2\t5\t9\n");
    bench.write("sorted.bed", "chr1\t8\t12\nchr1\t12\t20\nchr10\t1\t2\nchr2\t0\t4\n");
    bench.write("other.bed", "chr1\t8\t12\nchr1\t12\t20\nchr2\t0\t4\nchr10\t1\t2\n");
    for file in ["sorted", "other"] {
        let expected = "chr1\t8\t20\nchr10\t1\t2\nchr2\t0\t4\n";
        assert_eq!(bench.ok(&format!("regions merge {file}.bed")), expected);
        bench.ok(&format!("regions merge {file}.bed -o {file}.out"));
        assert_eq!(bench.read(&format!("{file}.out")), expected);
    }
    let apart = bench.ok("regions merge a.bed b.bed --distance -1 --columns 5,4 --operations sum,distinct");
    assert_eq!(apart, "chr1\t8\t20\t7.5\tc,d\nchr1\t20\t22\t1\te\nchr1\t40\t50\t2\tb\nchr2\t5\t9\t1\ta\n");
    let strands = bench.ok("regions merge a.bed b.bed --same-strand --columns 6 --operations distinct,count");
    let expected =
        "chr1\t8\t12\t+\t1\nchr1\t10\t20\t-\t1\nchr1\t20\t22\t+\t1\nchr1\t40\t50\t-\t1\nchr2\t5\t9\t+\t1\n";
    assert_eq!(strands, expected);
    let reverse = bench.ok("regions merge a.bed b.bed --strand - -o merged.bed");
    assert_eq!((reverse.as_str(), bench.read("merged.bed").as_str()), ("", "chr1\t10\t20\nchr1\t40\t50\n"));
    bench.write("none.bed", "chr1\t1\t2\nchr1\t1\t5\tx\t0\t.\nchr1\t2\t3\tx\t0\t-\n");
    let ran = bench.run("regions merge none.bed --same-strand");
    let warning = "warning: 2 regions without a strand left out\n";
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("chr1\t2\t3\n", warning));

    bench.write("sizes", "chr1\t50\nchr2\t100\n");
    let ran = bench.run("regions center a.bed --width 10 --sizes sizes");
    let warning = "warning: 0 ";
    assert!(!ran.stderr.contains(warning));
    assert_eq!(ran.stdout, "chr2\t2\t12\ta\t1\t+\nchr1\t40\t50\tb\t2\t-\nchr1\t5\t15\tc\t3\t+\n");
    let ran = bench.run("regions center a.bed --width 12 --sizes sizes --anchor half-minus-one");
    assert_eq!(ran.stdout, "chr2\t2\t14\ta\t1\t+\nchr1\t5\t17\tc\t3\t+\n");
    assert_eq!(ran.stderr, "warning: 1 windows over the end of a contig dropped\n");

    let ran = bench.run("regions split a.bed --valid chr2,chr8 --test chr2 --exclude chr1 --out-dir parts");
    let warnings = "warning: 1 contigs named for more than one part: chr2\nwarning: 1 contigs named that no region is on: chr8\n\
                    warning: 2 regions in no part left out\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), warnings));
    let parts = ["train", "valid", "test"].map(|name| bench.read(&format!("parts/{name}.bed")));
    assert_eq!(parts, ["", "", "chr2\t5\t9\ta\t1\t+\n"]);
    assert!(bench.read("parts/run.json").contains("\"left_out\": 2"));
    bench.ok("regions split a.bed --valid chr2 --out-dir other");
    assert_eq!(bench.read("other/train.bed").lines().count(), 2);
}

#[test]
fn regions_that_are_none_are_refused_with_their_place() {
    let bench = Bench::new();
    bench.write("bad.bed", "chr1\t5\t9\tx\tlow\nchr1\t9\t5\n");
    bench.write("low.bed", "#\nchr1\t5\t9\tx\tlow\nchr1\t6\t9\tx\n");
    bench.write("one.bed", "chr1\t5\t9\tx\tlow\n");
    bench.write("sizes", "chr2\t50\n");
    let refuse =
        |arguments: &str, code, message| bench.refuses(&format!("regions {arguments}"), code, message);
    refuse("merge bad.bed", 1, "bad.bed:2:3: end 5 is below start 9");
    refuse(
        "merge low.bed --columns 5 --operations count",
        1,
        "low.bed:3:5: found no such column, expected a value",
    );
    refuse("merge one.bed --columns 5 --operations mean", 1, "one.bed:1:5: found `low`, expected a number");
    refuse(
        "merge one.bed --columns 5,4 --operations mean,sum,max",
        2,
        "found 2 --columns and 3 --operations",
    );
    refuse("merge one.bed --columns 0 --operations count", 2, "column 0");
    refuse("merge one.bed --columns 4 --operations mode", 2, "expected one of count, sum");
    refuse("merge one.bed --strand x", 2, "expected + or -");
    refuse("merge", 2, "BED");
    refuse("center one.bed --width 5 --sizes sizes", 1, "one.bed:1:1: contig `chr1` is not in sizes");
    refuse("center one.bed --width 0 --sizes sizes", 2, "--width");
    refuse("split bad.bed --out-dir parts", 1, "bad.bed:2:3");
    assert!(!bench.path("parts/train.bed").exists());
}

#[test]
fn every_substitution_of_a_region_is_written_as_vcf() {
    let bench = Bench::new();
    let ran = bench.run("regions variants genome.fa --region chr1:30-33");
    assert_eq!(ran.stderr, "warning: 1 positions without a known base left out\n");
    let expected = "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=39>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n\
                    chr1\t31\t.\tT\tA\t.\t.\t.\nchr1\t31\t.\tT\tC\t.\t.\t.\nchr1\t31\t.\tT\tG\t.\t.\t.\n\
                    chr1\t33\t.\tG\tA\t.\t.\t.\nchr1\t33\t.\tG\tC\t.\t.\t.\nchr1\t33\t.\tG\tT\t.\t.\t.\n";
    assert_eq!(ran.stdout, expected);
    let lower = bench.ok("regions variants genome.fa --region chr2:0-1 -o v.vcf.gz");
    assert_eq!(lower, "");
    for (region, code, message) in
        [("chr1:30-40", 1, "chr1:30-40"), ("chr3:1-2", 1, "chr3"), ("chr1", 2, "expected CONTIG:START-END")]
    {
        bench.refuses(&format!("regions variants genome.fa --region {region}"), code, message);
    }
}
