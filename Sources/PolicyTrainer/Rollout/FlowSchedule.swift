import Foundation

/// The `scheduler_config.json` of a flow-matching policy.
///
/// Source: huggingface/diffusers 0.42.1, `schedulers/scheduling_flow_match_euler_discrete.py`.
struct FlowScheduleConfiguration: Sendable, Equatable {
    /// How noise levels are moved towards the noisy end.
    enum Shift: Sendable, Equatable {
        /// Every level s becomes f s / (1 + (f - 1) s).
        case constant(Double)
        /// s becomes e^μ / (e^μ + 1/s - 1), with μ linear in the count of target tokens.
        case exponential(TokenRange)
        /// s becomes μ / (μ + 1/s - 1), with μ linear in the count of target tokens.
        case linear(TokenRange)
    }

    /// The line through (`shortest`, `least`) and (`longest`, `most`) that gives μ.
    struct TokenRange: Sendable, Equatable {
        let shortest: Double
        let longest: Double
        let least: Double
        let most: Double

        /// μ of a picture.
        func shift(tokens: Int) -> Double {
            let slope = (most - least) / (longest - shortest)
            return Double(tokens) * slope + (least - slope * shortest)
        }
    }

    /// How levels are moved.
    let shift: Shift
    /// The last level above 0, when the schedule is stretched to end there.
    let terminal: Double?

    private struct File: Decodable {
        let _class_name: String?
        let use_dynamic_shifting: Bool?
        let shift: Double?
        let base_shift: Double?
        let max_shift: Double?
        let base_image_seq_len: Double?
        let max_image_seq_len: Double?
        let shift_terminal: Double?
        let time_shift_type: String?
        let invert_sigmas: Bool?
        let use_karras_sigmas: Bool?
        let use_exponential_sigmas: Bool?
        let use_beta_sigmas: Bool?
        let stochastic_sampling: Bool?
    }

    /// Makes a configuration in code.
    init(shift: Shift, terminal: Double? = nil) {
        self.shift = shift
        self.terminal = terminal
    }

    /// Reads and checks the file; keys that are left out have diffusers' defaults.
    ///
    /// - Parameter path: Path of `scheduler_config.json`.
    /// - Throws: ``PolicyError``.
    init(path: String) throws {
        let file = try ModelIndex.decode(File.self, path: path)
        func refuse(_ reason: String) -> PolicyError { .unsupported(path: path, reason: reason) }
        if let name = file._class_name, name != "FlowMatchEulerDiscreteScheduler" {
            throw refuse("it configures a \(name), not a FlowMatchEulerDiscreteScheduler")
        }
        let switches: [(String, Bool?)] = [
            ("invert_sigmas", file.invert_sigmas), ("use_karras_sigmas", file.use_karras_sigmas),
            ("use_exponential_sigmas", file.use_exponential_sigmas),
            ("use_beta_sigmas", file.use_beta_sigmas),
            ("stochastic_sampling", file.stochastic_sampling),
        ]
        for (name, value) in switches where value == true {
            throw refuse("\(name) is not supported")
        }
        terminal = file.shift_terminal == 0 ? nil : file.shift_terminal
        guard file.use_dynamic_shifting ?? false else {
            shift = .constant(file.shift ?? 1)
            return
        }
        let range = TokenRange(
            shortest: file.base_image_seq_len ?? 256,
            longest: file.max_image_seq_len ?? 4_096,
            least: file.base_shift ?? 0.5,
            most: file.max_shift ?? 1.15
        )
        guard range.shortest != range.longest else {
            throw refuse("base_image_seq_len and max_image_seq_len are equal")
        }
        switch file.time_shift_type ?? "exponential" {
        case "exponential": shift = .exponential(range)
        case "linear": shift = .linear(range)
        case let other: throw refuse("time_shift_type \(other) is not supported")
        }
    }
}

/// The noise levels of one sampling run, from pure noise to 0.
struct FlowSchedule: Sendable, Equatable {
    /// Falling levels of 1...0, one more than there are steps; the last is 0.
    let sigmas: [Float]

    /// How many steps lead from the first to the last level.
    var stepCount: Int { sigmas.count - 1 }

    /// Makes the levels of a run.
    ///
    /// Raw levels are 1, …, 1/steps in equal distances, rounded to float32, then shifted in float32, as the source
    /// computes them.
    ///
    /// - Parameters:
    ///   - configuration: How levels are moved.
    ///   - steps: How many steps, at least 1.
    ///   - targetTokens: Packed tokens of the picture to make; reference and text are not counted.
    init(_ configuration: FlowScheduleConfiguration, steps: Int, targetTokens: Int) {
        precondition(steps > 0, "a schedule needs at least one step, got \(steps)")
        let last = 1 / Double(steps)
        let raw = (0..<steps).map { index in
            guard steps > 1 else { return Float(1) }
            return index == steps - 1
                ? Float(last) : Float(1 + Double(index) * ((last - 1) / Double(steps - 1)))
        }
        var levels: [Float]
        switch configuration.shift {
        case .constant(let factor):
            levels = raw.map { Float(factor) * $0 / (1 + Float(factor - 1) * $0) }
        case .exponential(let range):
            let power = Float(exp(range.shift(tokens: targetTokens)))
            levels = raw.map { power / (power + (1 / $0 - 1)) }
        case .linear(let range):
            let power = Float(range.shift(tokens: targetTokens))
            levels = raw.map { power / (power + (1 / $0 - 1)) }
        }
        if let terminal = configuration.terminal, let end = levels.last, end < 1 {
            let factor = (1 - end) / Float(1 - terminal)
            levels = levels.map { 1 - (1 - $0) / factor }
        }
        sigmas = levels + [0]
    }
}
