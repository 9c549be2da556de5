fn main() {
    testkit::main(vec![])
}
