import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

/// The rows of docs/Parity.md, "Traps of FLUX", that no comparison with diffusers shows by itself.
@Suite("Traps of FLUX")
struct FluxTrapTests {
    private let fixture: FluxFixture

    init() throws {
        fixture = try FluxFixture("guided")
    }

    private func velocity(
        reference: Tensor? = nil,
        text: Tensor? = nil,
        sigma: [Float]? = nil,
        guidance: [Float]? = nil
    ) -> Tensor {
        let input = fixture.input
        return fixture.transformer.velocity(
            FluxInput(
                target: input.target,
                reference: reference ?? input.reference,
                text: text ?? input.text,
                pooled: input.pooled,
                sigma: sigma ?? input.sigma,
                guidance: guidance ?? input.guidance,
                targetGrid: input.targetGrid,
                referenceGrid: input.referenceGrid
            ),
            adapter: nil
        )
    }

    /// Tokens of every sample in another order.
    private func reversed(_ tensor: Tensor) -> Tensor {
        let (samples, tokens) = (tensor.shape[0], tensor.shape[1])
        let order = (0..<samples).flatMap { sample in (0..<tokens).reversed().map { sample * tokens + $0 } }
        return tensor.gatheringRows(order).reshaped(tensor.shape)
    }

    @Test("text tokens have no order: all their positions are 0")
    func textOrder() {
        let difference = relativeDifference(velocity(text: reversed(fixture.input.text)), velocity())
        #expect(difference < 1e-5)
    }

    @Test("reference tokens have an order, and are not taken for the target")
    func referenceOrder() {
        let plain = velocity()
        #expect(relativeDifference(velocity(reference: reversed(fixture.input.reference)), plain) > 0.01)
        #expect(plain.shape[1] == fixture.input.targetGrid.count)
    }

    @Test("a small change of level or guidance is felt: neither is cut to an integer")
    func fractions() {
        let plain = velocity()
        let sigma = fixture.input.sigma.map { $0 + 0.0004 }
        #expect(relativeDifference(velocity(sigma: sigma), plain) > 1e-5)
        let guidance = fixture.input.guidance.map { $0.map { $0 + 0.0004 } }
        #expect(relativeDifference(velocity(guidance: guidance), plain) > 1e-5)
    }

    @Test(
        "velocity points from clean to noise: one Euler step with the true one gives the clean latents from any level"
    )
    func sign() {
        let (noise, clean) = (Tensor([1, -2, 0.5]), Tensor([0.25, 3, -1]))
        for sigma in [1.0, 0.7, 0.2] {
            let state = Elementwise.scaledSum(Float(1 - sigma), clean, Float(sigma), noise)
            let point = SolverPoint(state: state, index: 0, sigmas: [sigma, 0], previousClean: nil)
            let result = FlowSolver().advance(point) { _, _ in Elementwise.scaledSum(1, noise, -1, clean) }
            #expect(Tolerance.largestDifference(result.state.values, clean.values) < 1e-6)
        }
    }
}
