using Pipeline.Core;
using Pipeline.Configuration;
using Pipeline.Node.Tests;
using Pipeline.Operations.Verification;
using Pipeline.Transform.Graph;

namespace Pipeline.Operations.Tests.Verification;

public sealed class LakeVerifierSpec : IDisposable
{
    private static readonly TableId Events = TableId.Bronze("events", "clicks");

    private readonly LakeFixture _lake = new();

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task A_lake_without_gap_or_overlap_is_sound()
    {
        await _lake.AppendRecordsAsync(Events, from: null, to: 3, 0, 1, 2);
        await _lake.AppendRecordsAsync(Events, from: 3, to: 5, 3, 4);

        Assert.Equal(
        [
            "bronze/events/clicks files: 5 rows in 2 files",
            "bronze/events/clicks positions: 1 splits, 2 ranges without gap or overlap",
            "bronze/events/clicks offsets: 5 records, none twice, none missing",
        ], (await VerifyAsync()).Select(finding => $"{finding.Thing}: {finding.Detail}"));
    }

    [Fact]
    public async Task A_record_that_arrived_twice_is_found()
    {
        await _lake.AppendRecordsAsync(Events, from: null, to: 3, 0, 1, 2);
        await _lake.AppendRecordsAsync(Events, from: 3, to: 5, 2, 3, 4);

        var broken = await BrokenAsync();

        Assert.Contains(broken, finding => finding.Thing == "bronze/events/clicks offsets" && finding.Detail == "partition 0 holds 1 records twice");
        Assert.Contains(broken, finding => finding.Detail == "version 2 adds rows at positions 2 to 4 for the range [3, 5)");
    }

    [Fact]
    public async Task A_record_beyond_the_position_is_found()
    {
        await _lake.AppendRecordsAsync(Events, from: null, to: 3, 0, 1, 5);

        Assert.Contains(await BrokenAsync(), finding => finding.Detail == "version 1 adds rows at positions 0 to 5 for the range [beginning, 3)");
    }

    [Fact]
    public async Task Offsets_that_hold_no_record_are_counted()
    {
        await _lake.AppendRecordsAsync(Events, from: null, to: 10, 0, 1, 2);

        var offsets = Assert.Single(await VerifyAsync(), finding => finding.Thing.EndsWith("offsets", StringComparison.Ordinal));
        Assert.Equal("3 records, none twice; 7 offsets hold no record (compacted away, or marks of transactions)", offsets.Detail);
    }

    [Fact]
    public async Task A_position_that_went_back_is_found()
    {
        await _lake.AppendRecordsAsync(Events, from: null, to: 3, 0, 1, 2);
        await _lake.AppendRecordsAsync(Events, from: 3, to: 2, 1);

        Assert.Contains(await BrokenAsync(), finding => finding.Detail == "version 2 takes split events/clicks/0 from 3 to 2");
    }

    [Fact]
    public async Task A_missing_file_is_named()
    {
        await _lake.AppendRecordsAsync(Events, from: null, to: 1, 0);
        var file = Assert.Single(_lake.DataFiles(Events));
        file.Delete();

        var finding = Assert.Single(await VerifyAsync());

        Assert.False(finding.Ok);
        Assert.Contains(file.Name, finding.Detail);
        Assert.EndsWith("is in version 1 but not in the lake", finding.Detail);
    }

    [Fact]
    public async Task A_truncated_file_is_named()
    {
        await _lake.AppendRecordsAsync(Events, from: null, to: 1, 0);
        var file = Assert.Single(_lake.DataFiles(Events));
        using (var stream = file.OpenWrite()) stream.SetLength(10);

        Assert.EndsWith($"has 10 bytes, the log says {file.Length}", Assert.Single(await VerifyAsync()).Detail);
    }

    [Fact]
    public async Task A_table_that_is_read_with_an_overlap_may_hold_rows_again()
    {
        var orders = TableId.Bronze("crm", "orders");
        await _lake.AppendRecordsAsync(orders, from: null, to: 3, 0, 1, 2);
        await _lake.AppendRecordsAsync(orders, from: 3, to: 5, 2, 3, 4);

        Assert.DoesNotContain(await VerifyAsync(orders), finding => finding.Thing.EndsWith("positions", StringComparison.Ordinal) && !finding.Ok);
    }

    [Fact]
    public async Task A_re_driven_record_is_a_row_and_a_dead_letter()
    {
        await LettersAndRowsAsync();
        await _lake.RedriveAsync(Events, number: 1, 2);
        await _lake.AppendRecordsAsync(Events, from: 5, to: 6, 5);
        await _lake.RedriveAsync(Events, number: 2, 1);

        var findings = await VerifyAsync();

        Assert.All(findings, finding => Assert.True(finding.Ok, finding.ToString()));
        Assert.Contains(findings, finding => finding is { Thing: "bronze/events/clicks redriven", Detail: "2 rows, each once and with its dead letter" });
        Assert.Contains(findings, finding => finding is { Thing: "bronze/events/clicks offsets", Detail: "6 records, none twice, none missing" });
    }

    [Fact]
    public async Task Dead_letters_that_are_ahead_of_their_table_are_no_loss_and_no_surplus()
    {
        await LettersAndRowsAsync();
        await _lake.AppendLettersAsync(Events, from: 5, to: 8, 5, 7);

        var findings = await VerifyAsync();

        Assert.All(findings, finding => Assert.True(finding.Ok, finding.ToString()));
        Assert.Contains(findings, finding => finding is { Thing: "bronze/events/clicks offsets", Detail: "3 records, none twice, none missing" });
    }

    [Fact]
    public async Task A_record_that_was_re_driven_twice_is_found()
    {
        await LettersAndRowsAsync();
        await _lake.RedriveAsync(Events, number: 1, 2);
        await _lake.RedriveAsync(Events, number: 2, 2);

        var broken = await BrokenAsync();

        Assert.Contains(broken, finding => finding.Detail == "1 records were re-driven twice");
        Assert.Contains(broken, finding => finding.Detail == "partition 0 holds 1 records twice");
    }

    [Fact]
    public async Task A_re_driven_record_that_the_table_held_already_is_found()
    {
        await LettersAndRowsAsync();
        await _lake.RedriveAsync(Events, number: 1, 3);

        Assert.Contains(await BrokenAsync(), finding => finding.Detail == "partition 0 holds 1 records twice");
    }

    [Fact]
    public async Task A_re_driven_record_without_a_dead_letter_is_found()
    {
        await LettersAndRowsAsync();
        await _lake.RedriveAsync(Events, number: 1, 4);

        Assert.Contains(await BrokenAsync(), finding => finding.Detail == "1 re-driven rows have no dead letter");
    }

    [Fact]
    public async Task Re_driven_rows_without_the_number_of_their_redrive_are_found()
    {
        await LettersAndRowsAsync();
        await _lake.RedriveAsync(Events, number: null, 2);

        Assert.Contains(await BrokenAsync(), finding => finding.Detail.StartsWith("version 2 adds", StringComparison.Ordinal) && finding.Detail.EndsWith("without moving a position", StringComparison.Ordinal));
    }

    /// <summary>Offsets 1 and 2 are dead, 0, 3 and 4 are rows.</summary>
    private async Task LettersAndRowsAsync()
    {
        await _lake.AppendLettersAsync(Events, from: null, to: 5, 1, 2);
        await _lake.AppendRecordsAsync(Events, from: null, to: 5, 0, 3, 4);
    }

    private async Task<List<Finding>> VerifyAsync(params TableId[] repeating) =>
        await new LakeVerifier(_lake.Lake, EmptyGraph(), repeating.ToHashSet()).VerifyAsync(TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);

    private async Task<List<Finding>> BrokenAsync() => [.. (await VerifyAsync()).Where(finding => !finding.Ok)];

    private static TransformGraph EmptyGraph()
    {
        var problems = new List<ConfigProblem>();
        var empty = new SettingsReader(new ConfigObject(new Dictionary<string, ConfigValue>(StringComparer.Ordinal), default), "", problems);
        return TransformGraph.Bind(empty, empty, []);
    }
}
