// SPDX-License-Identifier: GPL-3.0-or-later

/// A large optional value behind one reference: whoever looks at another field of its owner does not copy it too.
@propertyWrapper
struct Boxed<Value: Sendable>: Sendable {
  private final class Storage: Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
  }

  private var storage: Storage?

  init(wrappedValue: Value?) { storage = wrappedValue.map { Storage($0) } }

  var wrappedValue: Value? {
    get { storage?.value }
    set { storage = newValue.map { Storage($0) } }
  }
}
