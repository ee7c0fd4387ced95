using System.Collections.Concurrent;
using Pipeline.Delta.Log;

namespace Pipeline.Delta.Table;

/// <summary>
/// The versions that somebody in this process is reading: vacuum leaves their files alone. One list for the process,
/// since a table may be opened several times.
/// </summary>
internal static class SnapshotPins
{
    private static readonly ConcurrentDictionary<Pin, byte> Pins = new();

    public static IDisposable Add(TableHandle table, Snapshot snapshot)
    {
        var pin = new Pin(table.Store.Location, table.Path, snapshot);
        Pins[pin] = 0;
        return pin;
    }

    public static IEnumerable<Snapshot> Of(TableHandle table) =>
        Pins.Keys.Where(pin => pin.Location == table.Store.Location && pin.Path == table.Path).Select(pin => pin.Snapshot);

    // Compared by reference: two pins of one snapshot are two.
    private sealed class Pin(string location, string path, Snapshot snapshot) : IDisposable
    {
        public string Location { get; } = location;

        public string Path { get; } = path;

        public Snapshot Snapshot { get; } = snapshot;

        public void Dispose() => Pins.TryRemove(this, out _);
    }
}
