using System.Globalization;
using Pipeline.Core;

namespace Pipeline.Telemetry.Sending;

/// <summary>
/// The intervals that one sink has not sent yet, in their order, on disk: bounded, and there after a restart. While the disk takes nothing
/// a few are kept in memory. Belongs to one process and is not for several threads at once.
/// </summary>
public sealed class MetricSpool : IDisposable
{
    /// <summary>Intervals that are kept in memory while they cannot be written.</summary>
    private const int InMemoryMax = 5;

    private const string Suffix = ".interval";

    private readonly string _directory;
    private readonly long _bytesMax;
    private readonly List<Waiting> _waiting = [];
    private readonly FileStream? _lock;
    private long _last;
    private long _bytes;

    private MetricSpool(string directory, long bytesMax, FileStream? @lock) => (_directory, _bytesMax, _lock) = (directory, bytesMax, @lock);

    /// <summary>Bytes on disk; from any thread.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Intervals that wait.</summary>
    public int Count => _waiting.Count;

    /// <summary>Why the last interval is in memory only; null: it is on disk.</summary>
    public Fault? DiskFault { get; private set; }

    /// <summary>
    /// Opens the first of the numbered folders below that no other process has, with what it holds: nodes that share a disk do not share a
    /// spool, and one that starts again finds its own, whatever its address is now.
    /// </summary>
    public static MetricSpool Open(string directory, string sink, long bytesMax)
    {
        for (var number = 0; ; number++)
        {
            var own = Path.Combine(Path.GetFullPath(directory), sink, number.ToString(CultureInfo.InvariantCulture));
            FileStream? held = null;
            try
            {
                Directory.CreateDirectory(own);
                held = new FileStream(Path.Combine(own, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (IsHeld(e))
            {
                continue;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Nobody can write there: neither can another process, and what comes is tried again.
            }

            var spool = new MetricSpool(own, bytesMax, held);
            spool.Find();
            return spool;
        }
    }

    /// <summary>Keeps an interval behind the others, and gives up the oldest that have no room.</summary>
    /// <param name="isOldestSent">Whether the oldest is just being sent: it stays.</param>
    /// <returns>How many were given up.</returns>
    public int Add(MetricInterval interval, bool isOldestSent)
    {
        _waiting.Add(new Waiting(Path.Combine(_directory, (++_last).ToString("D12", CultureInfo.InvariantCulture) + Suffix), 0, interval));
        Write();
        var oldest = isOldestSent ? 1 : 0;
        var dropped = 0;
        for (; _bytes > _bytesMax && _waiting.Count > oldest + 1; dropped++) RemoveAt(oldest);
        for (; _waiting.Count(waiting => waiting.InMemory is not null) > InMemoryMax; dropped++) RemoveAt(_waiting.FindIndex(oldest, waiting => waiting.InMemory is not null));
        return dropped;
    }

    /// <summary>The oldest, which stays until it is removed; null: it cannot be read.</summary>
    public MetricInterval? Oldest()
    {
        var oldest = _waiting[0];
        if (oldest.InMemory is not null) return oldest.InMemory;
        try
        {
            return IntervalFile.Read(File.ReadAllBytes(oldest.File));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public void RemoveOldest() => RemoveAt(0);

    public void Dispose() => _lock?.Dispose();

    /// <summary>Puts onto the disk what is not there yet, the oldest first.</summary>
    private void Write()
    {
        DiskFault = null;
        for (var i = _waiting.FindIndex(waiting => waiting.InMemory is not null); i < _waiting.Count; i++)
        {
            var (waiting, content) = (_waiting[i], IntervalFile.Write(_waiting[i].InMemory!));
            try
            {
                Directory.CreateDirectory(_directory);
                File.WriteAllBytes(waiting.File + ".new", content);
                File.Move(waiting.File + ".new", waiting.File, overwrite: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                var thing = $"Spool of metrics {_directory}";
                DiskFault = Fault.Of(thing, e) is { IsTransient: true } fault
                    ? fault : new Fault(FaultKind.StorageFull, thing, $"it cannot be written: {DataFaults.Cause(e)}", "Let this process write there, or set telemetry.spool.location.");
                return;
            }

            _waiting[i] = waiting with { Bytes = content.Length, InMemory = null };
            Interlocked.Add(ref _bytes, content.Length);
        }
    }

    private void RemoveAt(int place)
    {
        var removed = _waiting[place];
        _waiting.RemoveAt(place);
        if (removed.InMemory is not null) return;
        Interlocked.Add(ref _bytes, -removed.Bytes);
        // One that stays is sent twice after a restart, which does no harm that not sending would not do.
        _ = Background.Failure(() => File.Delete(removed.File));
    }

    private void Find()
    {
        if (!Directory.Exists(_directory)) return;
        foreach (var file in Directory.GetFiles(_directory, "*" + Suffix).Order(StringComparer.Ordinal))
        {
            if (!long.TryParse(Path.GetFileNameWithoutExtension(file), CultureInfo.InvariantCulture, out var number)) continue;
            _waiting.Add(new Waiting(file, new FileInfo(file).Length, InMemory: null));
            _bytes += _waiting[^1].Bytes;
            _last = number;
        }
    }

    private static bool IsHeld(IOException e) => e.HResult is 11 or unchecked((int)0x80070020);

    /// <param name="InMemory">Null: it is in the file.</param>
    private sealed record Waiting(string File, long Bytes, MetricInterval? InMemory);
}
