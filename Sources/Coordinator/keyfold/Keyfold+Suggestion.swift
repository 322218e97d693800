// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import DaemonRuntime

extension Keyfold {
  /// The command that was probably meant, if one of the words that name it is none; nil if all are.
  static func suggestion(for words: [String]) -> String? {
    var command: any ParsableCommand.Type = Keyfold.self
    var path = "keyfold"
    for word in words {
      let below: [any ParsableCommand.Type] = command.configuration.subcommands
      guard !below.isEmpty, !word.hasPrefix("-"), word != "help" else { return nil }
      var names: [String] = []
      var next: (any ParsableCommand.Type)?
      for candidate in below {
        let name: String = candidate._commandName
        names.append(name)
        if name == word { next = candidate }
      }
      guard let next else { return Spelling.nearest(to: word, among: names).map { path + " " + $0 } }
      command = next
      path += " " + word
    }
    return nil
  }
}
