// SPDX-License-Identifier: GPL-3.0-or-later
public import Messages

/// Why a message could not be sent, a call not answered or a socket not opened.
public struct TransportError: Error, Sendable, CustomStringConvertible {
  /// What went wrong.
  public enum Code: Sendable, Equatable {
    /// The address can't be listened on or understood.
    case address
    /// A key or a key file is not what it should be.
    case identity
    /// The socket or the link was closed.
    case closed
    /// There is no connection now.
    case notConnected
    /// The other side refused our key.
    case refused
    /// Too much waits to be sent, or too many calls are open; trying later helps.
    case congested
    /// The message is larger than the limits allow.
    case tooLarge
    /// The message can't be written as bytes.
    case encoding
    /// The deadline passed.
    case deadline
    /// The caller gave up.
    case cancelled
    /// The other side answered with a fault.
    case fault
    /// The system or libzmq failed.
    case system
  }

  /// What went wrong.
  public let code: Code
  /// What was being done, and what to do about it.
  public let description: String
  /// The fault that came as an answer, for `fault`.
  public let fault: Fault?
  /// The cause, where there is one.
  public let underlying: (any Error)?

  /// Whether the same call may work a little later.
  public var isRetryable: Bool {
    switch code {
    case .notConnected, .refused, .congested, .deadline: true
    case .fault: fault?.code == .congested || fault?.code == .notReady
    case .address, .identity, .closed, .tooLarge, .encoding, .cancelled, .system: false
    }
  }

  /// Makes an error of a code and a sentence.
  public init(_ code: Code, _ description: String, fault: Fault? = nil, underlying: (any Error)? = nil) {
    self.code = code
    self.description = description
    self.fault = fault
    self.underlying = underlying
  }
}
