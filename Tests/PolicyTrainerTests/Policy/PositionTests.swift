import Foundation
import Shared
import Testing

@testable import PolicyTrainer

@Suite struct PositionTests {
    @Test("the sinusoid has cosines first and PyTorch's frequencies")
    func sinusoid() {
        let table = TimestepSinusoid.embed([0.37, 2.5]).values
        // diffusers 0.42.1: get_timestep_embedding([370, 2500], 256, flip_sin_to_cos=True, downscale_freq_shift=0).
        let expected: [(Int, Float)] = [
            (0, 0.75970751), (1, 0.302438527), (12, 0.49590233), (106, 0.983811796), (127, 0.999209642),
            (128, -0.650264919), (129, -0.953168929), (140, -0.868378282), (234, 0.179204687),
            (255, 0.039750006), (256, 0.75982511), (257, -0.0807278529), (268, 0.234785333),
            (384, -0.65012753), (385, 0.996736169), (396, -0.972047269), (490, 0.938209236),
            (511, 0.265431941),
        ]
        for (index, value) in expected {
            #expect(abs(table[index] - value) < 2e-7, "entry \(index)")
        }
    }

    @Test("angles of three axes follow one another in a head")
    func axes() {
        let table = RotaryAxes(dimensions: [2, 4, 6], theta: 10_000).table([[0, 0, 0], [1, 2, 3]])
        #expect(table.tokenCount == 2 && table.pairCount == 6)
        #expect(table.cosine.values[0..<6].allSatisfy { $0 == 1 })
        let angles: [Double] = [1, 2, 2.0 / 100, 3, 3 / pow(10_000, 1.0 / 3), 3 / pow(10_000, 2.0 / 3)]
        for (index, angle) in angles.enumerated() {
            #expect(abs(table.cosine.values[6 + index] - Float(cos(angle))) < 1e-7)
            #expect(abs(table.sine.values[6 + index] - Float(sin(angle))) < 1e-7)
        }
    }
}
