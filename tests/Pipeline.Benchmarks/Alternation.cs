namespace Pipeline.Benchmarks;

/// <summary>
/// The same work by a yardstick and by us, in rounds that go forwards and backwards in turn: what drifts on the machine, and
/// what a run leaves behind for the next, meets all sides alike. A round's ratio compares runs that were neighbours; what
/// counts is the median of the rounds. The first round warms up servers, compiler and pools and is not counted.
/// </summary>
/// <param name="unit">What is worked through, e.g. <c>records</c>.</param>
/// <param name="amount">So many of them in each run.</param>
/// <param name="sides">The yardstick's name, then those of what is compared with it.</param>
public sealed class Alternation(string unit, long amount, params string[] sides)
{
    private readonly List<Usage[]> _rounds = [];
    private int _begun;

    /// <summary>A round of one run a side, in the order of the names.</summary>
    public async Task RoundAsync(params Func<Task<Usage>>[] runs)
    {
        var round = new Usage[runs.Length];
        var isBackwards = _begun % 2 == 1;
        for (var i = 0; i < runs.Length; i++)
        {
            var side = isBackwards ? runs.Length - 1 - i : i;
            round[side] = await runs[side]();
        }

        if (_begun++ > 0) _rounds.Add(round);
    }

    /// <summary>Our rate in parts of the yardstick's.</summary>
    public Spread Rate(string side) => Compare(side, (yardstick, ours) => yardstick.Elapsed / ours.Elapsed);

    /// <summary>Our time in parts of the yardstick's.</summary>
    public Spread Time(string side) => Compare(side, (yardstick, ours) => ours.Elapsed / yardstick.Elapsed);

    /// <summary>The yardstick's processor time in parts of ours: what of our work it needs.</summary>
    public Spread Processor(string side) => Compare(side, (yardstick, ours) => yardstick.Processor / ours.Processor);

    /// <summary>Our processor time in parts of the yardstick's.</summary>
    public Spread Cost(string side) => Compare(side, (yardstick, ours) => ours.Processor / yardstick.Processor);

    /// <summary>Writes every side, and how it compares with the yardstick.</summary>
    public async Task PrintAsync(TextWriter output)
    {
        await output.WriteLineAsync($"medians and quartiles of {_rounds.Count} alternating rounds of {amount:N0} {unit}");
        var width = sides.Max(side => side.Length);
        for (var side = 0; side < sides.Length; side++)
        {
            var runs = _rounds.Select(round => round[side]).ToList();
            var peak = runs.Max(run => run.PeakBytes);
            var ratio = side == 0 ? "" : $"; rate {Rate(sides[side]).Text("0.00")} of {sides[0]}, by processor time {Processor(sides[side]).Text("0.00")}";
            // Of one thing as a whole a rate says nothing.
            var took = amount == 1
                ? $"{new Spread(runs.Select(run => run.Elapsed.TotalSeconds)).Text("0.00")} s, {new Spread(runs.Select(run => run.Processor.TotalSeconds)).Text("0.00")} CPU-seconds"
                : $"{new Spread(runs.Select(run => amount / run.Elapsed.TotalSeconds)).Text("N0")} {unit}/s, {new Spread(runs.Select(run => run.Processor.TotalSeconds / amount * 1_000_000)).Text("0.00")} CPU-seconds a million";
            await output.WriteLineAsync($"  {sides[side].PadRight(width)}  {took}{(peak > 0 ? $", {peak >> 20} MiB peak" : "")}"
                + $"{(runs[0].Busy > 0 ? $", machine {new Spread(runs.Select(run => run.Busy * 100)).Text("0")} % busy" : "")}"
                + $"{(runs[0].StoredBytes > 0 ? $", {new Spread(runs.Select(run => (double)run.StoredBytes / amount)).Text("0.0")} bytes stored for each" : "")}{ratio}");
        }
    }

    private Spread Compare(string side, Func<Usage, Usage, double> ratio)
    {
        var place = Array.IndexOf(sides, side);
        return new Spread(_rounds.Select(round => ratio(round[0], round[place])));
    }
}
