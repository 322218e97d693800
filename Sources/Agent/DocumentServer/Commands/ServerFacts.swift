// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// What tools and drivers' own tests ask a server about itself.
extension CommandInterpreter {
  func serverStatus(_ command: Command) throws -> Document {
    let view = topology.look().view
    let uptime = Int64((ContinuousClock.now - startedAt) / .seconds(1))
    return [
      "host": .string(view.me), "version": .string(CommandInterpreter.versionText), "process": "keyfold-agent",
      "uptime": .double(Double(uptime)), "uptimeMillis": .int64(uptime * 1_000),
      "localTime": .date(WallClock.milliseconds()), "storageEngine": ["name": "wiredTiger", "persistent": true],
      "cursors": ["open": .integer(cursors.count)],
    ]
  }

  /// The few parameters there are; a node's settings stand in its configuration file.
  func getParameter(_ command: Command) throws -> Document {
    try command.requireAdmin()
    let known: Document = [
      "enableTestCommands": .bool(failPoints != nil),
      "featureCompatibilityVersion": ["version": "7.0"],
    ]
    if command.request.body["getParameter"] == "*" { return known }
    var arguments = command.arguments
    arguments.ignore("getParameter")
    var answer = DocumentBuilder()
    var isEmpty = true
    for element in known where arguments.value(element.key) != nil {
      answer.append(element.key, element.value)
      isEmpty = false
    }
    try arguments.finish()
    if isEmpty { throw CommandError(.invalidOptions, "getParameter: no option found to get") }
    return answer.finish()
  }

  /// Which options a server was started with is the operator's business: none are told.
  func getCmdLineOpts(_ command: Command) throws -> Document {
    try command.requireAdmin()
    return ["argv": ["keyfold-agent"], "parsed": [:]]
  }
}
