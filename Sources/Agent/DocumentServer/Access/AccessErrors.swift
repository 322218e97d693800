// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// MongoDB's codes for what concerns users (mongo/base/error_codes.yml).
extension ErrorCode {
  static let unauthorized = ErrorCode(number: 13, name: "Unauthorized")
  static let protocolError = ErrorCode(number: 17, name: "ProtocolError")
  static let authenticationFailed = ErrorCode(number: 18, name: "AuthenticationFailed")
  static let mechanismUnavailable = ErrorCode(number: 334, name: "MechanismUnavailable")
}

extension CommandError {
  /// The one answer to every login that fails, whatever the reason.
  static let authenticationFailed = CommandError(.authenticationFailed, "Authentication failed.")

  /// Nobody is logged in on the connection.
  static func requiresAuthentication(_ command: String) -> CommandError {
    CommandError(.unauthorized, "Command \(command) requires authentication")
  }

  /// The user lacks the right. Names database, command and collection, and no more of what the driver sent.
  static func notAuthorized(_ request: CommandRequest) -> CommandError {
    var target = ""
    if case .string(let text)? = request.body[request.name] { target = ": \"\(text)\"" }
    return CommandError(
      .unauthorized, "not authorized on \(request.database) to execute command { \(request.name)\(target) }")
  }
}
