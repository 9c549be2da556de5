//! What a process over shared tables says when something is missing: one sentence, at the start.

#[path = "aws_start/doubles.rs"]
mod doubles;
#[path = "aws_start/refusals.rs"]
mod refusals;
#[path = "aws_start/stub.rs"]
mod stub;

use doubles::{Double, KEYS};

#[test]
fn whatever_is_missing_is_said_in_one_sentence_that_names_the_setting() {
    let Some(double) = Double::start() else { return };
    let (ok, said) = double.run(&["operator"], &KEYS);
    assert!(!ok && said.starts_with("cannot start: there is no table start-Videos"), "{said}");
    assert!(said.contains("stores.url") && said.lines().count() == 1, "{said}");

    let (ok, said) = double.run(&["operator"], &[]);
    assert!(!ok && said.contains("the AWS chain finds no credentials"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");

    let nobody = [KEYS[0], KEYS[1], ("SIGNAL_STORES__ENDPOINT", "http://127.0.0.1:1")];
    let (ok, said) = double.run(&["operator"], &nobody);
    assert!(!ok && said.contains("nobody answers there: check the region and endpoint"), "{said}");

    let (ok, said) = double.run(&["operator"], &[KEYS[0], KEYS[1], ("SIGNAL_SERVER__SECRET", "")]);
    assert!(!ok && said.contains("SIGNAL_SERVER__SECRET"), "{said}");
}

#[test]
fn tables_of_the_contract_let_a_process_start_and_those_of_others_do_not() {
    let Some(double) = Double::start() else { return };
    let (ok, said) = double.run(&["contract", "--create"], &KEYS);
    assert!(ok, "{said}");
    let (ok, said) = double.run(&["contract", "--create"], &KEYS);
    assert!(ok, "once more changes nothing: {said}");
    let (ok, said) = double.run(&["operator"], &KEYS);
    assert!(ok, "{said}");
    let on_aws = [KEYS[0], KEYS[1], ("SIGNAL_STORES__ENDPOINT", "")];
    let (ok, said) = double.run(&["contract", "--create"], &on_aws);
    assert!(!ok && said.contains("at local doubles only"), "{said}");
}
