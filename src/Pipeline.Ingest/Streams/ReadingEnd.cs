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
    private readonly Dictionary<SplitId, long> _ends = starts.Where(start => start.End is not null).ToDictionary(start => start.Split.Id, start => start.End!.Value);

    /// <summary>It has been told.</summary>
    public bool IsMet { get; private set; }

    /// <summary>The split has been written up to <paramref name="to"/>.</summary>
    /// <returns>Whether its reading ends there for now, see <see cref="SplitStart.End"/>: nothing of it comes any more.</returns>
    public bool Reach(SplitId split, long to)
    {
        _reached[split] = to;
        return _ends.TryGetValue(split, out var end) && to >= end;
    }

    /// <summary>True once: the first time that it is asked and the end has been reached.</summary>
    public bool Meet()
    {
        if (IsMet) return false;
        IsMet = _reached.All(split => lookOf(split.Key) is { } look && look.At >= _began && (look.Position is null || look.Position <= split.Value));
        return IsMet;
    }
}
