// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// The fields that may stand in every command, read and checked.
struct GenericFields: Sendable {
  /// Whether the driver is content with a secondary's data.
  let allowsSecondary: Bool
  /// When the command's time is over, if it set one.
  let deadline: ContinuousClock.Instant?
  /// The number of members the driver asked to acknowledge a write, if it asked for a number.
  let wantedAcknowledgements: Int?

  /// Takes the generic fields out of a command. Throws a `CommandError` for what can't be honoured.
  init(_ arguments: inout CommandArguments) throws(CommandError) {
    // Sessions carry nothing here (none are announced); the cluster time and a comment change no result.
    arguments.ignore("$db", "lsid", "$clusterTime", "comment", "$audit", "$client")
    allowsSecondary = try GenericFields.readPreference(&arguments)
    try GenericFields.readConcern(&arguments)
    wantedAcknowledgements = try GenericFields.writeConcern(&arguments)
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
      throw CommandError(.invalidOptions, "readConcern level '\(level)' is not supported")
    }
  }

  /// Every write is acknowledged by a majority that has it on disk, whatever less was asked for.
  private static func writeConcern(_ arguments: inout CommandArguments) throws(CommandError) -> Int? {
    guard let concern = try arguments.document("writeConcern") else { return nil }
    var fields = try CommandArguments(concern, owner: "writeConcern")
    let wanted = fields.value("w")
    fields.ignore("j", "fsync", "wtimeout", "provenance")
    try fields.finish()
    switch wanted {
    case nil, .string("majority")?: return nil
    case .string(let tag)?: throw CommandError(.unknownWriteConcern, "no write concern mode named '\(tag)' found")
    case let value?:
      guard let number = value.wholeNumber, number >= 0 else {
        throw CommandError(.failedToParse, "writeConcern: 'w' has to be a number of members or 'majority'")
      }
      return number
    }
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
