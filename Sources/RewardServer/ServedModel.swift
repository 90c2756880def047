import Foundation
import Imaging

/// A model that is loaded, with the rubrics that can be asked of it.
struct ServedModel: Sendable {
    /// The way from a group to its reply.
    let scorer: Scorer
    /// The built-in rubrics and the model's own.
    let rubrics: RubricLibrary

    /// Which model it is.
    var identity: JudgeIdentity { scorer.judge.identity }

    /// Pairs a model with rubrics.
    ///
    /// - Parameters:
    ///   - judge: The model.
    ///   - rubrics: The rubrics.
    ///   - imageLimits: What picture files may ask for.
    init(judge: any Judge, rubrics: RubricLibrary, imageLimits: DecodeLimits = .standard) {
        scorer = Scorer(judge: judge, imageLimits: imageLimits)
        self.rubrics = rubrics
    }
}
