// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// The fields that may stand in every command, read and checked.
struct GenericFields: Sendable {
  /// Whether the driver is content with a secondary's data.
  let allowsSecondary: Bool
  /// When the command's time is over, if it set one.
  let deadline: ContinuousClock.Instant?
  /// What the driver asked to be told of a write.
  let writeConcern: WriteConcern
  /// The driver's session.
  let session: SessionID?
  /// The number of a retryable write in the session.
  let transactionNumber: Int64?

  /// Takes the generic fields out of a command. Throws a `CommandError` for what can't be honoured.
  init(_ arguments: inout CommandArguments, user: String) throws(CommandError) {
    // The cluster time and a comment change no result.
    arguments.ignore("$db", "$clusterTime", "comment", "$audit", "$client")
    let owner = arguments.owner
    session = try arguments.document("lsid").map { (lsid) throws(CommandError) in
      try SessionID(lsid, owner: "\(owner).lsid", user: user)
    }
    transactionNumber = try GenericFields.transactionNumber(&arguments, hasSession: session != nil)
    allowsSecondary = try GenericFields.readPreference(&arguments)
    try GenericFields.readConcern(&arguments)
    writeConcern = try WriteConcern(&arguments)
    try GenericFields.apiVersion(&arguments)
    let limit = try arguments.count("maxTimeMS") ?? 0
    deadline = limit == 0 ? nil : .now + .milliseconds(min(limit, Int(Int32.max)))
  }

  private static func readPreference(_ arguments: inout CommandArguments) throws(CommandError) -> Bool {
    guard let preference = try arguments.document("$readPreference") else { return false }
    guard case .string(let mode)? = preference["mode"] else {
      throw CommandError(.failedToParse, "$readPreference needs a 'mode'")
    }
    guard ["primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"].contains(mode) else {
      throw CommandError(.failedToParse, "unknown $readPreference mode '\(mode)'")
    }
    return mode != "primary"
  }

  /// Reads see what a majority has, always: local, available and majority are the same here.
  private static func readConcern(_ arguments: inout CommandArguments) throws(CommandError) {
    guard let concern = try arguments.document("readConcern") else { return }
    var fields = try CommandArguments(concern, owner: "readConcern")
    let level = try fields.string("level") ?? "local"
    fields.ignore("provenance")
    try fields.finish()
    guard ["local", "available", "majority"].contains(level) else {
      throw CommandError(
        .invalidOptions, "readConcern level '\(level)' is not supported; local, available and majority are")
    }
  }

  private static func transactionNumber(_ arguments: inout CommandArguments, hasSession: Bool) throws(CommandError)
    -> Int64?
  {
    let starts = try arguments.bool("startTransaction")
    let commits = try arguments.bool("autocommit")
    if starts != nil || commits != nil {
      throw CommandError(
        .noTransactions,
        "multi-document transactions are not supported (startTransaction, autocommit); nothing was done")
    }
    guard let number = try arguments.integer("txnNumber") else { return nil }
    guard hasSession else {
      throw CommandError(.invalidOptions, "Transaction number requires a session ID to also be specified")
    }
    guard number >= 0 else { throw CommandError(.invalidOptions, "Transaction number cannot be negative") }
    return Int64(number)
  }

  private static func apiVersion(_ arguments: inout CommandArguments) throws(CommandError) {
    if let version = try arguments.string("apiVersion"), version != "1" {
      throw CommandError(.apiVersionError, "API version must be \"1\"")
    }
    if try arguments.bool("apiStrict") ?? false {
      throw CommandError(.apiStrictError, "apiStrict is not supported")
    }
    arguments.ignore("apiDeprecationErrors")
  }
}
