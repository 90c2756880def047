import Foundation

/// The worked example of the algorithm specification, `Fixtures/nft-worked-example.json`.
struct WorkedExample: Decodable {
    struct Inputs: Decodable {
        let x0, eps, v, v_old, v_ref: [[Double]]
        let t, reward: [Double]
        let group: [Int]
    }

    struct Statistics: Decodable {
        let group_mean, group_std, adv_global, adv_group, r_global, r_group: [Double]
        let global_std: Double
        let mask_paper, mask_code: [Int]
    }

    struct FilterCase: Decodable {
        let mean, std: Double
        let keep_paper, keep_code_mask, banned_by_code: Int
    }

    struct Masked: Decodable {
        let l: [Double]
        let policy_loss, unweighted_policy_loss, kl, total, grad_norm: Double
        let grad_policy, grad_total: [[Double]]
    }

    struct Loss: Decodable {
        let b: Double
        let e_pos, e_neg: [[Double]]
        let w_pos, w_neg, L_pos, L_neg: [Double]
        let mask_all, mask_code: Masked
    }

    struct OnPolicy: Decodable {
        let policy_loss: Double
        let grad_policy: [[Double]]
    }

    struct Decay: Decodable {
        let type1, type2, ema: [String: Double]
    }

    struct OptimiserStep: Decodable {
        let step: Int
        let grad, clipped, theta, ema, old: [Double]
        let norm, ema_decay, old_decay: Double
    }

    let inputs: Inputs
    let stats: Statistics
    let filter: [FilterCase]
    let adv_mode: [String: [Double]]
    let x_t: [[Double]]
    let loss: [Loss]
    let kl_only_grad_all: [[Double]]
    let on_policy: OnPolicy
    let mean_reward_top: [String: Double]
    let decay: Decay
    let optimiser: [OptimiserStep]

    static func load() throws -> WorkedExample {
        let url = Bundle.module.bundleURL.appending(path: "Fixtures/nft-worked-example.json")
        return try JSONDecoder().decode(WorkedExample.self, from: try Data(contentsOf: url))
    }
}

/// Whether two numbers agree to a relative tolerance, or to an absolute one near zero.
func agree(_ first: Double, _ second: Double, _ tolerance: Double = 1e-7) -> Bool {
    abs(first - second) <= tolerance * max(abs(first), abs(second)) + tolerance * 1e-2
}

/// Whether two lists agree number by number.
func agree(_ first: [Double], _ second: [Double], _ tolerance: Double = 1e-7) -> Bool {
    first.count == second.count && zip(first, second).allSatisfy { agree($0, $1, tolerance) }
}
