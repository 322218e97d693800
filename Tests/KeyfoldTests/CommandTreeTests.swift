// SPDX-License-Identifier: GPL-3.0-or-later
import ArgumentParser
import Testing

@testable import keyfold

/// A command and the words that lead to it.
private struct Place: CustomStringConvertible {
  let words: [String]
  let command: any ParsableCommand.Type

  var description: String { words.joined(separator: " ") }
  var configuration: CommandConfiguration { command.configuration }
  var isGroup: Bool { !configuration.subcommands.isEmpty }

  /// This command and all below it.
  var all: [Place] {
    [self]
      + configuration.subcommands.flatMap { Place(words: words + [$0._commandName], command: $0).all }
  }

  /// The examples of its help: lines that begin with the command's own name, after "Example:" if that stands there.
  var examples: [String] {
    configuration.discussion.split(separator: "\n").map { line in
      var line = line.trimming(" ")
      for mark in ["Example:", "Examples:"] where line.hasPrefix(mark) {
        line = line.dropFirst(mark.count).trimming(" ")
      }
      return String(line)
    }.filter { $0.hasPrefix("keyfold ") }
  }
}

extension Substring {
  fileprivate func trimming(_ character: Character) -> Substring {
    drop { $0 == character }
  }
}

@Suite("Every command of keyfold explains itself")
struct CommandTreeTests {
  private static let everything = Place(words: ["keyfold"], command: Keyfold.self).all

  @Test("the whole tree is walked")
  func size() {
    #expect(Self.everything.count > 60 && Self.everything.contains { $0.description == "keyfold kms set" })
  }

  @Test("says in a sentence what it is for")
  func abstracts() {
    for place in Self.everything {
      #expect(place.configuration.abstract.count > 10 && place.configuration.abstract.hasSuffix("."), "\(place)")
    }
  }

  @Test("shows an example of itself; a group shows two or more of what is below it")
  func examples() {
    for place in Self.everything where place.words.count > 1 {
      let own = place.examples.filter { $0 == "\(place)" || $0.hasPrefix("\(place) ") }
      #expect(own.count >= (place.isGroup ? 2 : 1), "\(place): \(place.examples)")
    }
  }

  @Test("shows no example of a command that does not exist")
  func exampleExists() {
    let leaves = Self.everything.filter { !$0.isGroup }.map { "\($0)" }
    for place in Self.everything {
      for example in place.examples {
        #expect(leaves.contains { example == $0 || example.hasPrefix($0 + " ") }, "\(place): \(example)")
      }
    }
  }

  @Test("breaks no example in the middle of a command, in a terminal of 80 columns")
  func width() {
    for place in Self.everything {
      for line in place.configuration.discussion.split(separator: "\n") where line.contains("keyfold ") {
        let isExample = line.trimming(" ").hasPrefix("Example") || line.trimming(" ").hasPrefix("keyfold ")
        #expect(!isExample || line.count <= 80, "\(place): \(line)")
      }
    }
  }

  @Test("takes --json")
  func json() {
    for place in Self.everything where !place.isGroup {
      #expect(Keyfold.helpMessage(for: place.command, columns: 200).contains("--json"), "\(place)")
    }
  }
}
