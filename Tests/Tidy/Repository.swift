// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation

/// The repository this file is part of: its files as texts.
struct Repository: Sendable {
  struct NotFound: Error, CustomStringConvertible {
    let description: String
  }

  /// Below the root, in order.
  let paths: [String]
  let sources: [Source]

  /// Reads the repository around `file`, which may be reached through a link.
  init(around file: String = #filePath) throws {
    let root = try Self.root(above: URL(fileURLWithPath: file).resolvingSymlinksInPath())
    paths = (Self.listedByGit(root) ?? Self.walked(root)).sorted()
    sources = paths.compactMap { path in
      guard let data = FileManager.default.contents(atPath: root.appendingPathComponent(path).path), !data.contains(0)
      else { return nil }
      return Source(path: path, text: String(decoding: data, as: UTF8.self))
    }
  }

  /// The text of a file.
  func text(_ path: String) -> String? {
    sources.first { $0.path == path }?.lines.joined(separator: "\n")
  }

  private static func root(above file: URL) throws -> URL {
    var folder = file.deletingLastPathComponent()
    while folder.path != "/" {
      let names = Set((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
      if names.contains("Package.swift"), names.contains("LICENSE") { return folder }
      folder.deleteLastPathComponent()
    }
    throw NotFound(description: "no folder above \(file.path) has Package.swift and LICENSE")
  }

  /// What is committed or could be; nil where there is no git or no history, as in an unpacked archive.
  private static func listedByGit(_ root: URL) -> [String]? {
    let git = Process()
    let output = Pipe()
    git.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    git.arguments = ["git", "-C", root.path, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    git.standardOutput = output
    git.standardError = FileHandle.nullDevice
    guard (try? git.run()) != nil, let data = try? output.fileHandleForReading.readToEnd() else { return nil }
    git.waitUntilExit()
    guard git.terminationStatus == 0 else { return nil }
    let paths = Set(String(decoding: data, as: UTF8.self).split(separator: "\0").map(String.init))
    return paths.filter { FileManager.default.fileExists(atPath: root.appendingPathComponent($0).path) }
  }

  /// Everything outside hidden folders, folders included, without what tools leave behind.
  private static func walked(_ root: URL) -> [String] {
    let left: Set<String> = ["Package.resolved", "__pycache__"]
    let top = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
    let paths = top.filter { !$0.hasPrefix(".") }.flatMap { name in
      let below = try? FileManager.default.subpathsOfDirectory(atPath: root.appendingPathComponent(name).path)
      return [name] + (below ?? []).map { "\(name)/\($0)" }
    }
    return paths.filter { $0.split(separator: "/").allSatisfy { !left.contains(String($0)) && !$0.hasPrefix(".") } }
  }
}
