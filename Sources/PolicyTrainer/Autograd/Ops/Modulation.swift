import Shared

/// The columns of an adaptive layer's output, one row for each sample: shifts, scales and gates.
struct Modulation {
    /// `[samples, k · width]`.
    var rows: Variable

    /// `x̂ (1 + scale) + shift` for the LayerNorm x̂ of `x` without affine parameters.
    ///
    /// - Parameters:
    ///   - x: `[samples · tokens, width]`.
    ///   - shift: Which `width` columns are the shift.
    ///   - scale: Which `width` columns are the scale.
    ///   - epsilon: Added to the variance.
    ///   - tape: Where to record.
    /// - Returns: A variable of the shape of `x`.
    func normalized(_ x: Variable, shift: Int, scale: Int, epsilon: Float, tape: Tape?) -> Variable {
        let (output, moments) = LayerNorm.modulated(
            x.value,
            modulation: rows.value,
            shift: shift,
            scale: scale,
            epsilon: epsilon
        )
        guard let tape, x.id != nil || rows.id != nil else { return Variable(output) }
        let result = tape.variable(output)
        let (xID, rowsID, resultID) = (x.id, rows.id, result.id)
        let (input, rows) = (tape.kept(x.value), tape.kept(rows.value))
        let statistics = LayerNorm.Statistics(
            mean: tape.kept(moments.mean),
            inverseDeviation: tape.kept(moments.inverseDeviation)
        )
        tape.record { table in
            guard let gradient = table.take(resultID) else { return }
            unsafe table.accumulate(xID, shape: input.shape) { dx, adds in
                unsafe LayerNorm.backward(
                    gradient,
                    x: input,
                    modulation: rows,
                    scale: scale,
                    statistics: statistics,
                    into: dx,
                    adds: adds
                )
            }
            table.accumulateFromZero(rowsID, shape: rows.shape) { dModulation in
                LayerNorm.modulationBackward(
                    gradient,
                    x: input,
                    shift: shift,
                    scale: scale,
                    statistics: statistics,
                    into: &dModulation
                )
            }
        }
        return result
    }

    /// `x + gate · f`.
    ///
    /// - Parameters:
    ///   - x: `[samples · tokens, width]`.
    ///   - gate: Which `width` columns are the gate.
    ///   - f: `[samples · tokens, width]`.
    ///   - tape: Where to record.
    /// - Returns: A variable of the shape of `x`.
    func gatedSum(_ x: Variable, gate: Int, _ f: Variable, tape: Tape?) -> Variable {
        let output = Elementwise.gatedSum(x.value, modulation: rows.value, gate: gate, f.value)
        guard let tape, x.id != nil || f.id != nil || rows.id != nil else { return Variable(output) }
        let result = tape.variable(output)
        let (xID, fID, rowsID, resultID) = (x.id, f.id, rows.id, result.id)
        // The branch itself is needed only for the derivative by the gate.
        let branch = rows.id == nil ? nil : tape.kept(f.value)
        let rows = tape.kept(rows.value)
        tape.record { table in
            guard let gradient = table.take(resultID) else { return }
            if fID != nil {
                table.add(Elementwise.gated(gradient, modulation: rows, gate: gate), to: fID)
            }
            if let branch {
                table.accumulateFromZero(rowsID, shape: rows.shape) { dModulation in
                    Elementwise.gateBackward(gradient, f: branch, gate: gate, into: &dModulation)
                }
            }
            table.add(gradient, to: xID)
        }
        return result
    }
}
