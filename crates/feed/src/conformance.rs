//! What every warm queue and seen store promises.
