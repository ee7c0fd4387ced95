namespace Pipeline.Benchmarks;

/// <summary>
/// The same records by us and by a yardstick, in turns, each first in every other round: what drifts on the machine, and
/// what a run leaves behind for the next, meets both alike. A round's ratio compares two runs that were neighbours.
/// </summary>
internal sealed class Alternation
{
    private readonly long _records;
    private readonly int _recordBytes;
    private readonly List<(Usage Yardstick, Usage Ours)> _rounds = [];

    private Alternation(long records, int recordBytes) => (_records, _recordBytes) = (records, recordBytes);

    /// <param name="records">That each run reads.</param>
    /// <param name="rounds">Beside one that warms up servers, compiler and pools.</param>
    public static async Task<Alternation> RunAsync(long records, int recordBytes, int rounds, Func<Task<Usage>> yardstick, Func<Task<Usage>> ours)
    {
        var alternation = new Alternation(records, recordBytes);
        for (var round = 0; round <= rounds; round++)
        {
            var isOursFirst = round % 2 == 1;
            var first = isOursFirst ? await ours() : await yardstick();
            var second = isOursFirst ? await yardstick() : await ours();
            if (round > 0) alternation._rounds.Add(isOursFirst ? (second, first) : (first, second));
        }

        return alternation;
    }

    /// <summary>Writes both sides and how they compare.</summary>
    /// <param name="of">What the ratio is of, e.g. <c>the bare consumer's records/s</c>.</param>
    public async Task PrintAsync(TextWriter output, string yardstick, string ours, string of)
    {
        await PrintAsync(output, yardstick, [.. _rounds.Select(round => round.Yardstick)]);
        await PrintAsync(output, ours, [.. _rounds.Select(round => round.Ours)]);
        var time = new Spread(_rounds.Select(round => round.Yardstick.Elapsed / round.Ours.Elapsed));
        var processor = new Spread(_rounds.Select(round => round.Yardstick.Processor / round.Ours.Processor));
        await output.WriteLineAsync($"ratio          {time.Text("0.00")} of {of}, {processor.Text("0.00")} by processor time (medians and quartiles of {_rounds.Count} alternating rounds)");
    }

    private async Task PrintAsync(TextWriter output, string name, List<Usage> runs)
    {
        var rate = new Spread(runs.Select(run => _records / run.Elapsed.TotalSeconds));
        var processor = new Spread(runs.Select(run => run.Processor.TotalSeconds / (_records / 1e6)));
        await output.WriteLineAsync($"{name,-14} {rate.Text("N0")} records/s, {rate.Median * _recordBytes / 1e6:0} MB/s, {processor.Text("0.00")} CPU s a million, {runs.Max(run => run.PeakBytes) >> 20} MiB peak");
    }

    /// <summary>A median and the quartiles around it.</summary>
    private sealed class Spread(IEnumerable<double> values)
    {
        private readonly double[] _values = [.. values.Order()];

        public double Median => _values[_values.Length / 2];

        public string Text(string format) => $"{Median.ToString(format)} ({_values[_values.Length / 4].ToString(format)} to {_values[3 * _values.Length / 4].ToString(format)})";
    }
}
