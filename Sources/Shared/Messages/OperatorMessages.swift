// SPDX-License-Identifier: GPL-3.0-or-later

/// An operator's request; its parameters are JSON in the payload frame.
public struct OperatorRequest: Sendable, Equatable {
  /// The longest name, in bytes.
  public static let maximumNameBytes = 64

  /// The request's name, such as `cluster.encrypt`.
  public var name: String
  /// Whether the answer may come in several replies; a command line of before reads only one.
  public var takesParts: Bool

  /// Makes a request of its parts.
  public init(name: String, takesParts: Bool = true) {
    self.name = name
    self.takesParts = takesParts
  }
}

/// The coordinator's answer to an operator; its content is JSON in the payload frame.
public struct OperatorReply: Sendable, Equatable {
  /// 0 done, 1 failed, 2 usage, 3 unreachable, 4 refused: the exit codes of `keyfold`.
  public var status: UInt32
  /// False for progress on the way, true for the answer that ends the request.
  public var final: Bool

  /// Makes a reply of its parts.
  public init(status: UInt32, final: Bool = true) {
    self.status = status
    self.final = final
  }
}

/// Why a message was not taken.
public struct Fault: Sendable, Equatable, Error, CustomStringConvertible {
  /// The reasons; their order is the numbers of the schema.
  public enum Code: Sendable, Equatable, CaseIterable {
    case unknownMessage, unsupportedVersion, malformed, notAllowed, staleEpoch, notReady, congested, failed
  }

  /// The reason.
  public var code: Code
  /// A sentence for logs and operators.
  public var text: String

  /// Makes a fault of its parts.
  public init(code: Code, text: String) {
    self.code = code
    self.text = text
  }

  /// The reason and the sentence.
  public var description: String { "\(code): \(text)" }
}
