//! The shape of function bodies: what makes compilers slow is refused by figure.

use wasmparser::{
    FuncToValidate, FuncValidatorAllocations, FunctionBody, Operator, ValidatorResources,
    WasmModuleResources as _,
};
use writ_core::LoadLimits;

use crate::load_error::{LoadError, Place};

/// Validates functions and measures them, one after the other.
pub(super) struct Functions<'a> {
    limits: &'a LoadLimits,
    seen: u64,
    /// Reused from function to function: there are tens of thousands.
    allocations: FuncValidatorAllocations,
}

impl<'a> Functions<'a> {
    pub(super) fn new(limits: &'a LoadLimits) -> Self {
        Self { limits, seen: 0, allocations: FuncValidatorAllocations::default() }
    }

    /// How many functions were checked.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Checks one function. What is too large is not looked into any further.
    pub(super) fn check(
        &mut self,
        module: u32,
        function: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'_>,
        problems: &mut Vec<LoadError>,
    ) -> wasmparser::Result<()> {
        self.seen += 1;
        let place = Place { module, function: function.index };
        let (bytes, max) = (body.range().len() as u64, self.limits.function_bytes_max as u64);
        if bytes > max {
            problems.push(LoadError::FunctionTooLarge { place, bytes, max });
            return Ok(());
        }
        let (locals, max) = (locals(&function, body)?, self.limits.function_locals_max as u64);
        if locals > max {
            problems.push(LoadError::TooManyLocals { place, locals, max });
            return Ok(());
        }
        let (depth, max) = (self.loop_depth(function, body)?, self.limits.loop_depth_max as u64);
        if depth > max {
            problems.push(LoadError::LoopsTooDeep { place, depth, max });
        }
        Ok(())
    }

    /// Validates the body; gives how deep its loops nest.
    fn loop_depth(
        &mut self,
        function: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'_>,
    ) -> wasmparser::Result<u64> {
        let mut validator = function.into_validator(std::mem::take(&mut self.allocations));
        let mut reader = body.get_operators_reader()?;
        validator.read_locals(&mut body.get_binary_reader())?;
        let (mut open, mut loops, mut deepest) = (Vec::new(), 0_u64, 0_u64);
        while !reader.eof() {
            let offset = reader.original_position();
            let operator = reader.read()?;
            validator.op(offset, &operator)?;
            match operator {
                Operator::Loop { .. } => {
                    open.push(true);
                    loops += 1;
                    deepest = deepest.max(loops);
                }
                Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => {
                    open.push(false);
                }
                Operator::End if open.pop() == Some(true) => loops -= 1,
                _ => {}
            }
        }
        reader.finish()?;
        self.allocations = validator.into_allocations();
        Ok(deepest)
    }
}

/// Local variables, parameters included. They are declared in runs, so a few bytes can stand for
/// billions.
fn locals(
    function: &FuncToValidate<ValidatorResources>,
    body: &FunctionBody<'_>,
) -> wasmparser::Result<u64> {
    let parameters = match function.resources.sub_type_at(function.ty) {
        Some(ty) => ty.unwrap_func().params().len() as u64,
        None => 0,
    };
    let mut reader = body.get_binary_reader();
    let mut sum = parameters;
    for _ in 0..reader.read_var_u32()? {
        sum = sum.saturating_add(u64::from(reader.read_var_u32()?));
        reader.read::<wasmparser::ValType>()?;
    }
    Ok(sum)
}
