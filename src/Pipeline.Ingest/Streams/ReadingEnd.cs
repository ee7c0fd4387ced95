using Pipeline.Core;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Streams;

/// <summary>
/// Whether a reading has everything that its splits held when it began, which is told once: what is open then is worth a commit, however
/// young it is. Not thread-safe.
/// </summary>
/// <param name="lookOf">The newest look at a split; null: there is none yet.</param>
/// <param name="starts">Where the reading begins.</param>
internal sealed class ReadingEnd(Func<SplitId, SplitLook?> lookOf, IEnumerable<SplitStart> starts, TimeProvider time)
{
    private readonly long _began = time.GetTimestamp();
    private readonly Dictionary<SplitId, long?> _reached = starts.ToDictionary(start => start.Split.Id, start => start.From);

    /// <summary>It has been told.</summary>
    public bool IsMet { get; private set; }

    /// <summary>The split has been written up to <paramref name="to"/>.</summary>
    public void Reach(SplitId split, long to) => _reached[split] = to;

    /// <summary>True once: the first time that it is asked and the end has been reached.</summary>
    public bool Meet()
    {
        if (IsMet) return false;
        IsMet = _reached.All(split => lookOf(split.Key) is { } look && look.At >= _began && (look.Position is null || look.Position <= split.Value));
        return IsMet;
    }
}
