using System.Collections.Immutable;
using Pipeline.Core;

namespace Pipeline.Ingest.Worker;

/// <summary>What only somebody's acting ends: it is looked at again slowly.</summary>
/// <param name="Fault">The newest.</param>
/// <param name="Looks">How often it was looked at again in vain; -1: somebody has said that it should be, and hears what comes of it.</param>
/// <param name="IsTried">It is being read again; whether it still holds shows then.</param>
/// <param name="IsLogged">It stands in the table's log and ends when it does not any more.</param>
public sealed record Halt(Fault Fault, int Looks, bool IsTried, bool IsLogged = false);

/// <summary>What a worker is halted by: all of it, or single splits while the others are read.</summary>
/// <param name="Worker">Null: what it does is not hindered.</param>
public sealed record Halts(Halt? Worker, ImmutableDictionary<SplitId, Halt> Splits)
{
    public static readonly Halts None = new(Worker: null, ImmutableDictionary<SplitId, Halt>.Empty);

    public bool IsEmpty => Worker is null && Splits.IsEmpty;

    /// <summary>Whether something is not even tried now.</summary>
    public bool IsWaiting => All.Any(halt => !halt.IsTried);

    /// <summary>The reason that people should see first.</summary>
    public Fault? Reason => All.Where(halt => !halt.IsTried).Select(halt => halt.Fault).FirstOrDefault();

    private IEnumerable<Halt> All => Worker is null ? Splits.Values : Splits.Values.Prepend(Worker);

    public bool Hold(SplitId split) => Splits.TryGetValue(split, out var halt) && !halt.IsTried;

    /// <summary>A fault that only somebody's acting ends.</summary>
    /// <param name="looks">How often it was looked at in vain.</param>
    /// <param name="isNews">False: it is what was told before.</param>
    public Halts Add(Fault fault, out int looks, out bool isNews)
    {
        var known = fault.Split is { } split ? Splits.GetValueOrDefault(split) : Worker;
        looks = known is null ? 0 : known.Looks + 1;
        // Causes may tell times and numbers, things the object that was asked for this time; the step that helps is that of the reason.
        isNews = known is null or { Looks: < 0 } || (known.Fault.Kind, known.Fault.Outage, known.Fault.NextStep) != (fault.Kind, fault.Outage, fault.NextStep);
        var halt = new Halt(fault, looks, IsTried: false);
        return fault.Split is { } one ? this with { Splits = Splits.SetItem(one, halt) } : this with { Worker = halt };
    }

    /// <summary>What the tables' logs say: it holds whatever is tried, and has ended when they do not say it any more.</summary>
    /// <param name="decided">Those that were in the log and are not any more.</param>
    /// <param name="news">Those that were not known.</param>
    public Halts As(ImmutableDictionary<SplitId, Fault> logged, out ImmutableArray<Fault> decided, out ImmutableArray<Fault> news)
    {
        var ended = Splits.Where(pair => pair.Value.IsLogged && !logged.ContainsKey(pair.Key)).ToImmutableArray();
        decided = [.. ended.Select(pair => pair.Value.Fault)];
        news = [.. logged.Where(pair => !Splits.ContainsKey(pair.Key)).Select(pair => pair.Value)];
        return this with
        {
            Splits = Splits.RemoveRange(ended.Select(pair => pair.Key))
                .SetItems(logged.Select(pair => KeyValuePair.Create(pair.Key, new Halt(pair.Value, Splits.GetValueOrDefault(pair.Key)?.Looks ?? 0, IsTried: false, IsLogged: true)))),
        };
    }

    /// <summary>Time to look again, but at what awaits a word.</summary>
    public Halts Try() => Each(halt => halt.Fault.AwaitsWord ? halt : halt with { IsTried = true });

    /// <summary>Somebody said so: everything is looked at again, and soon after that once more.</summary>
    public Halts TryAll() => Each(halt => halt with { IsTried = true, Looks = -1 });

    /// <summary>What is tried has gone well: for the worker, and for those splits.</summary>
    public Halts Without(Func<SplitId, bool> isWell, out ImmutableArray<Fault> ended)
    {
        var splits = Splits.Where(pair => pair.Value.IsTried && isWell(pair.Key)).Select(pair => pair.Key).ToImmutableArray();
        var worker = Worker is { IsTried: true } ? Worker : null;
        ended = [.. splits.Select(split => Splits[split].Fault).Concat(worker is null ? [] : [worker.Fault])];
        return new Halts(worker is null ? Worker : null, Splits.RemoveRange(splits));
    }

    /// <summary>Splits that there are no more halt nothing, unless somebody is to say so.</summary>
    public Halts OnlyOf(IReadOnlySet<SplitId> listed, out ImmutableArray<Fault> ended)
    {
        var gone = Splits.Where(pair => !listed.Contains(pair.Key) && !pair.Value.Fault.AwaitsWord).ToImmutableArray();
        ended = [.. gone.Select(pair => pair.Value.Fault)];
        return this with { Splits = Splits.RemoveRange(gone.Select(pair => pair.Key)) };
    }

    private Halts Each(Func<Halt, Halt> change) =>
        new(Worker is null ? null : change(Worker), Splits.ToImmutableDictionary(pair => pair.Key, pair => change(pair.Value)));
}
