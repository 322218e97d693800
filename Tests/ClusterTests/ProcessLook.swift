// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation

/// Looks into a running process, as root on its machine could.
struct ProcessLook {
  let pid: Int32

  /// Its environment, as it was given at its start.
  var environment: String { get throws { try file("environ") } }
  /// Its arguments.
  var arguments: String { get throws { try file("cmdline") } }

  private func file(_ name: String) throws -> String {
    let path = "/proc/\(pid)/\(name)"
    guard let contents = FileManager.default.contents(atPath: path), !contents.isEmpty else {
      throw TestFailure("\(path) can't be read, or is empty")
    }
    return String(decoding: contents, as: UTF8.self)
  }

  /// Whether this process may read the memory of processes that do not let themselves be dumped.
  static var mayReadMemory: Bool { geteuid() == 0 }

  /// The names of those that stand in its memory, wherever it may be read.
  func found(_ needles: [Needle]) throws -> Set<String> {
    let memory = unsafe open("/proc/\(pid)/mem", O_RDONLY)
    guard memory >= 0 else { throw TestFailure("the memory of \(pid) can't be opened") }
    defer { close(memory) }
    let overlap = (needles.flatMap(\.spellings).map(\.count).max() ?? 1) - 1
    var found: Set<String> = []
    var looked = 0
    var buffer = [UInt8](repeating: 0, count: Self.piece)
    for range in try readableRanges() {
      var offset = range.lowerBound
      while offset < range.upperBound {
        let wanted = min(Self.piece, Int(range.upperBound - offset))
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe pread(memory, $0.baseAddress, wanted, off_t(offset)) }
        // A mapping may be gone, or be no memory (a device's, the kernel's own).
        guard count > 0 else { break }
        looked += count
        for needle in needles where !found.contains(needle.name) {
          let stands = unsafe buffer.withUnsafeBytes {
            unsafe needle.stands(in: UnsafeRawBufferPointer(rebasing: $0[..<count]))
          }
          if stands { found.insert(needle.name) }
        }
        if UInt64(count) == range.upperBound - offset { break }
        offset += UInt64(max(count - overlap, 1))
      }
    }
    guard looked > 0 else { throw TestFailure("nothing of the memory of \(pid) could be read") }
    return found
  }

  private static let piece = 1 << 22

  private func readableRanges() throws -> [Range<UInt64>] {
    try file("maps").split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count > 1, fields[1].hasPrefix("r"), !line.hasSuffix("[vvar]"), !line.hasSuffix("[vsyscall]") else {
        return nil
      }
      let ends = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
      return ends.count == 2 && ends[0] < ends[1] ? ends[0]..<ends[1] : nil
    }
  }
}
