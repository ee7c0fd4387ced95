using System.Collections.Immutable;
using Pipeline.Aws.Emr;
using Pipeline.Core;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>
/// The steps of a cluster, for all who wait for one: they are listed once an interval at most, however many wait. Only those
/// that have not ended, unless somebody searches; steps that left the list are asked for by id. Thread-safe.
/// </summary>
internal sealed class StepBoard
{
    /// <summary>How much later than it was added a step may come into a list.</summary>
    internal static readonly TimeSpan ListedMax = TimeSpan.FromMinutes(15);

    /// <summary>Which steps had not ended at a time is worth nothing so much later: a list from there on would be too long.</summary>
    private static readonly TimeSpan KnownMax = TimeSpan.FromHours(1);

    private readonly EmrClient _client;
    private readonly string _clusterId;
    private readonly TimeProvider _time;
    private readonly Rounds<Wish, ImmutableDictionary<string, EmrStep>> _rounds;
    private readonly Lock _gate = new();

    /// <summary>Steps that were added here and that no list has shown, and the timestamps at which they were added.</summary>
    private readonly Dictionary<string, long> _unlisted = new(StringComparer.Ordinal);

    /// <summary>Those that had not ended at the last round, and the timestamp of its beginning; null: there was none.</summary>
    private (ImmutableHashSet<string> Ids, long? At) _active = ([], null);

    public StepBoard(EmrClient client, string clusterId, TimeSpan interval, TimeProvider time, Random random) =>
        (_client, _clusterId, _time, _rounds) = (client, clusterId, time, new Rounds<Wish, ImmutableDictionary<string, EmrStep>>(AskAsync, interval, time, random));

    /// <summary>How many steps can be added, as far as it is known here.</summary>
    public int Room
    {
        get
        {
            lock (_gate) return Math.Max(0, EmrClient.StepsMax - _active.Ids.Count - _unlisted.Count);
        }
    }

    /// <summary>All steps that have not ended, and those that have and were created after a time.</summary>
    /// <exception cref="PipelineException">They cannot be listed.</exception>
    public async Task<IEnumerable<EmrStep>> SearchAsync(DateTimeOffset since, CancellationToken cancellationToken) =>
        (await _rounds.NextAsync(wish => wish.Since = since < wish.Since ? since : wish.Since ?? since, cancellationToken)).Values.Where(step => !step.State.IsTerminal() || !(step.CreatedAt < since));

    /// <summary>How a step stands; null: no list has shown it yet.</summary>
    /// <exception cref="PipelineException">It cannot be told.</exception>
    public async Task<EmrStep?> FollowAsync(string stepId, CancellationToken cancellationToken)
    {
        if ((await _rounds.NextAsync(wish => wish.Ids.Add(stepId), cancellationToken)).GetValueOrDefault(stepId) is { } step) return step;
        lock (_gate)
            if (_unlisted.ContainsKey(stepId)) return null;
        throw new PipelineException(FaultKind.Unreachable, $"Step {stepId} of EMR cluster {_clusterId}", "EMR does not know it", "Look in the console whether the cluster has it.");
    }

    public void Added(string stepId)
    {
        lock (_gate) _unlisted[stepId] = _time.GetTimestamp();
    }

    private async ValueTask<ImmutableDictionary<string, EmrStep>> AskAsync(Wish wish)
    {
        var at = _time.GetTimestamp();
        bool isLate;
        lock (_gate)
        {
            foreach (var (id, _) in _unlisted.Where(added => _time.GetElapsedTime(added.Value, at) > ListedMax).ToList()) _unlisted.Remove(id);
            // What was just added may have ended before it is in a list of those that have not.
            isLate = _unlisted.Count > 0;
        }

        if (wish.Since is null && !isLate) return await SettleAsync(at, await ListActiveAsync(), wish.Ids);
        if (_active.At is not { } before || _time.GetElapsedTime(before, at) > KnownMax)
        {
            await SettleAsync(at, await ListActiveAsync(), []);
            await _rounds.AgainAsync();
            at = _time.GetTimestamp();
        }

        // One list is enough: what has not ended was there at the last round, or has come later.
        return await SettleAsync(at, await ListNewestAsync(_time.GetElapsedTime(_active.At!.Value, at) + ListedMax, wish.Since), wish.Ids.Union(_active.Ids));
    }

    private async Task<Dictionary<string, EmrStep>> ListActiveAsync()
    {
        var listed = new Dictionary<string, EmrStep>(StringComparer.Ordinal);
        await foreach (var step in _client.ListStepsAsync(_clusterId, EmrStepStates.Active, CancellationToken.None)) listed.TryAdd(step.Id, step);
        return listed;
    }

    /// <param name="span">How much older than the newest of all they may be: by EMR's clock alone, which may be another than ours.</param>
    /// <param name="since">Those that were created after it as well.</param>
    private async Task<Dictionary<string, EmrStep>> ListNewestAsync(TimeSpan span, DateTimeOffset? since)
    {
        var listed = new Dictionary<string, EmrStep>(StringComparer.Ordinal);
        DateTimeOffset? newest = null;
        // The newest come first.
        await foreach (var step in _client.ListStepsAsync(_clusterId, [], CancellationToken.None))
        {
            newest ??= step.CreatedAt;
            if (step.CreatedAt < newest - span && !(step.CreatedAt >= since)) break;
            listed.TryAdd(step.Id, step);
        }

        return listed;
    }

    /// <summary>Asks for those that are not in the list, and keeps who has not ended.</summary>
    private async Task<ImmutableDictionary<string, EmrStep>> SettleAsync(long at, Dictionary<string, EmrStep> steps, IEnumerable<string> asked)
    {
        List<string> left;
        lock (_gate)
        {
            foreach (var id in steps.Keys) _unlisted.Remove(id);
            left = [.. asked.Where(id => !steps.ContainsKey(id) && !_unlisted.ContainsKey(id)).Order(StringComparer.Ordinal)];
        }

        foreach (var ids in left.Chunk(EmrClient.IdsMax))
            foreach (var step in await FindAsync(ids)) steps[step.Id] = step;
        lock (_gate) _active = ([.. steps.Values.Where(step => !step.State.IsTerminal()).Select(step => step.Id)], at);
        return steps.ToImmutableDictionary(StringComparer.Ordinal);
    }

    /// <summary>One that is not there keeps nobody from knowing of the others.</summary>
    private async Task<IReadOnlyList<EmrStep>> FindAsync(IReadOnlyCollection<string> ids)
    {
        try
        {
            return await _client.FindStepsAsync(_clusterId, ids, CancellationToken.None);
        }
        catch (PipelineException e) when (e.Kind == FaultKind.Missing)
        {
            if (ids.Count == 1) return [];
        }

        var found = new List<EmrStep>();
        foreach (var id in ids) found.AddRange(await FindAsync([id]));
        return found;
    }

    /// <summary>What those want to know who wait for a round.</summary>
    private sealed class Wish
    {
        /// <summary>Also steps that have ended and were created after it; null: nobody wants them.</summary>
        public DateTimeOffset? Since { get; set; }

        public HashSet<string> Ids { get; } = new(StringComparer.Ordinal);
    }
}
