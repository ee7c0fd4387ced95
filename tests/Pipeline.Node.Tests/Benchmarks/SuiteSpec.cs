using Pipeline.Benchmarks;

namespace Pipeline.Node.Tests.Benchmarks;

public sealed class SuiteSpec
{
    private readonly StringWriter _output = new();
    private readonly StringWriter _errors = new();

    [Fact]
    public async Task The_last_lines_of_each_benchmark_are_its_verdicts()
    {
        var code = await RunAsync([new Measured("first", Goal.AtLeast("first", 0.9).Judge(1)), new Measured("second", Goal.AtMost("second-a", 1).Judge(1), Goal.AtMost("second-b", 1).Judge(0.5))]);

        Assert.Equal(0, code);
        Assert.Equal(
            [
                "== first", "figures of first", "first: 1.00 (goal at least 0.90) met",
                "== second", "figures of second", "second-a: 1.00 (goal at most 1.00) met", "second-b: 0.50 (goal at most 1.00) met",
            ],
            Lines);
    }

    [Fact]
    public async Task One_missed_goal_is_exit_code_3_and_the_others_are_measured_all_the_same()
    {
        var code = await RunAsync([new Measured("first", Goal.AtLeast("first", 0.9).Judge(0.5), Goal.AtLeast("first-b", 0.9).Judge(1)), new Measured("second", Goal.AtMost("second", 1).Judge(1))]);

        Assert.Equal(3, code);
        Assert.Equal("second: 1.00 (goal at most 1.00) met", Lines[^1]);
    }

    [Fact]
    public async Task Only_the_named_benchmarks_are_run()
    {
        var code = await RunAsync([new Measured("first", Goal.AtLeast("first", 0.9).Judge(0.5)), new Measured("second", Goal.AtMost("second", 1).Judge(1))], "second");

        Assert.Equal(0, code);
        Assert.Equal("== second", Lines[0]);
    }

    [Fact]
    public async Task An_unknown_name_is_told_with_those_there_are()
    {
        var code = await RunAsync([new Measured("first"), new Measured("second")], "third");

        Assert.Equal(64, code);
        Assert.Equal("There is no benchmark 'third'. Choose from: first, second.", _errors.ToString().TrimEnd());
    }

    [Fact]
    public async Task A_benchmark_without_a_goal_is_refused() =>
        await Assert.ThrowsAsync<InvalidOperationException>(() => RunAsync([new Measured("first")]));

    [Fact]
    public async Task Sides_take_turns_at_being_first_and_the_median_of_neighbours_counts()
    {
        var order = new List<string>();
        var alternation = new Alternation("rows", 100, "theirs", "ours");
        // The first round warms up. Then the machine slows down by a factor of ten: what neighbours say of each other stays.
        foreach (var (theirs, ours) in new[] { (1.0, 50.0), (1.0, 2.0), (10.0, 20.0), (10.0, 40.0) })
            await alternation.RoundAsync(() => Took("theirs", theirs), () => Took("ours", ours));

        Assert.Equal(["theirs", "ours", "ours", "theirs", "theirs", "ours", "ours", "theirs"], order);
        Assert.Equal(0.5, alternation.Rate("ours").Median);
        Assert.Equal(2, alternation.Time("ours").Median);
        Assert.Equal(0.25, alternation.Processor("ours").Median);

        Task<Usage> Took(string side, double seconds)
        {
            order.Add(side);
            return Task.FromResult(new Usage(TimeSpan.FromSeconds(seconds), TimeSpan.FromSeconds(side == "ours" ? 4 : 1), 1 << 20));
        }
    }

    [Fact]
    public async Task A_programs_processor_time_is_its_own()
    {
        var usage = await Usage.OfProgramAsync("sh", new Dictionary<string, string> { ["ROUNDS"] = "200000" }, ["-c", "i=0; while [ $i -lt $ROUNDS ]; do i=$((i + 1)); done; echo done"], TestContext.Current.CancellationToken);

        Assert.InRange(usage.Processor, TimeSpan.FromMilliseconds(10), usage.Elapsed + TimeSpan.FromMilliseconds(20));
    }

    [Fact]
    public async Task A_program_that_fails_is_no_yardstick() =>
        await Assert.ThrowsAsync<InvalidOperationException>(() => Usage.OfProgramAsync("false", new Dictionary<string, string>(), [], TestContext.Current.CancellationToken));

    private string[] Lines => _output.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);

    private Task<int> RunAsync(IReadOnlyList<IBenchmark> benchmarks, params string[] names) => Suite.RunAsync(benchmarks, names, _output, _errors, TestContext.Current.CancellationToken);

    private sealed class Measured(string name, params Verdict[] verdicts) : IBenchmark
    {
        public string Name => name;

        public async Task<IReadOnlyList<Verdict>> RunAsync(TextWriter output, CancellationToken cancellationToken)
        {
            await output.WriteLineAsync($"figures of {name}");
            return verdicts;
        }
    }
}
