//! `rten`.

use super::{Answer, Net, no_row};
use crate::policy;
use rten::{Dimension, Model, ModelOptions, RunOptions, ThreadPool, Value};
use std::sync::Arc;

pub(super) struct Pure {
    model: Model,
    /// One a lane.
    pools: Vec<Arc<ThreadPool>>,
}

impl Pure {
    pub(super) fn open(bytes: Vec<u8>, lanes: usize) -> Result<Self, String> {
        let model = ModelOptions::with_all_ops().load(bytes).map_err(|e| e.to_string())?;
        let pool = || Arc::new(ThreadPool::with_num_threads(policy::THREADS));
        Ok(Self { model, pools: (0..lanes).map(|_| pool()).collect() })
    }
}

impl Net for Pure {
    fn ends(&self) -> (usize, usize) {
        (self.model.input_ids().len(), self.model.output_ids().len())
    }

    fn takes(&self) -> Option<Vec<Option<usize>>> {
        let side = |d: Dimension| match d {
            Dimension::Fixed(n) => Some(n),
            Dimension::Symbolic(_) => None,
        };
        Some(self.model.input_shape(0)?.into_iter().map(side).collect())
    }

    fn infer(&self, input: Vec<f32>, shape: [usize; 4], lane: usize) -> Result<Answer, String> {
        let value = Value::from_shape(&shape, input).map_err(|e| e.to_string())?;
        let options = RunOptions::default().with_thread_pool(self.pools.get(lane).cloned());
        let output = self.model.run_one(value.into(), Some(options)).map_err(|e| e.to_string())?;
        let (shape, numbers) = output.into_shape_vec::<f32, 2>().map_err(no_row)?;
        Ok(Answer { shape: shape.to_vec(), numbers })
    }
}
