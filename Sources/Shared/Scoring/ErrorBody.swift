/// The body of every reply that is an error.
package struct ErrorBody: Codable, Sendable, Equatable {
    /// What went wrong.
    package var error: Details
    /// The items of the group when it is refused because candidates failed; `nil` otherwise.
    package var scores: [EditScoreItem]?

    /// What went wrong, for people and for programs.
    package struct Details: Codable, Sendable, Equatable {
        /// One line: what is wrong, and what to do.
        package var message: String
        /// The kind, such as `invalid_request`.
        package var type: String
        /// The part of the request that is at fault, such as `edits[2].image`.
        package var parameter: String?
        /// The exact reason, such as `unknown_key`.
        package var code: String?
        /// The name under which the server logged the request.
        package var requestID: String?

        /// Describes an error.
        ///
        /// - Parameters:
        ///   - message: One line.
        ///   - type: The kind.
        ///   - parameter: The part of the request that is at fault.
        ///   - code: The exact reason.
        ///   - requestID: The request's name.
        package init(
            message: String,
            type: String,
            parameter: String? = nil,
            code: String? = nil,
            requestID: String? = nil
        ) {
            self.message = message
            self.type = type
            self.parameter = parameter
            self.code = code
            self.requestID = requestID
        }

        /// Writes all five keys; what is unknown is null.
        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(message, forKey: .message)
            try container.encode(type, forKey: .type)
            try container.encode(parameter, forKey: .parameter)
            try container.encode(code, forKey: .code)
            try container.encode(requestID, forKey: .requestID)
        }

        private enum CodingKeys: String, CodingKey {
            case message, type
            case parameter = "param"
            case code
            case requestID = "request_id"
        }
    }

    /// Wraps the details.
    ///
    /// - Parameters:
    ///   - error: What went wrong.
    ///   - scores: The items of a group whose candidates failed.
    package init(error: Details, scores: [EditScoreItem]? = nil) {
        self.error = error
        self.scores = scores
    }
}
