using Pipeline.Core;
using Pipeline.Node.Tests;
using Pipeline.Operations.Verification;

namespace Pipeline.Operations.Tests.Verification;

public sealed class LakeVerifierSpec : IDisposable
{
    private static readonly TableId Events = TableId.Bronze("events", "clicks");

    private static readonly SplitId Split = new("events", "clicks/0");
    private static readonly TableCheck Offsets = new TableCheck.Numbers("_partition", "_offset");

    private readonly LakeFixture _lake = new();

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task A_lake_without_gap_or_overlap_is_sound()
    {
        await _lake.AppendRecordsAsync(Events, from: null, to: 3, 0, 1, 2);
        await _lake.AppendRecordsAsync(Events, from: 3, to: 5, 3, 4);

        Assert.Equal<CheckedTable>(
        [
            new(Events, new TableCheck.Commits(), new CommitsAreOurs(3, Since: null)),
            new(Events, new TableCheck.Files(), new FilesAreThere(5, 2)),
            new(Events, new TableCheck.Rows(), new RowsAreAdded(5, 5, 0)),
            new(Events, new TableCheck.Positions(), new PositionsFollow(1, 2, Since: null)),
            new(Events, Offsets, new RecordsAreThereOnce(5, 0, 0)),
        ], await VerifyAsync());
    }

    [Fact]
    public async Task A_record_that_arrived_twice_is_found()
    {
        await _lake.AppendRecordsAsync(Events, from: null, to: 3, 0, 1, 2);
        await _lake.AppendRecordsAsync(Events, from: 3, to: 5, 2, 3, 4);

        var broken = await BrokenAsync();

        Assert.Contains(new CheckedTable(Events, Offsets, new RecordsAreThereTwice("0", 1)), broken);
        Assert.Contains(new CheckedTable(Events, new TableCheck.Positions(), new FileIsOutsideItsRange(2, 2, 4, 3, 5)), broken);
    }

    [Fact]
    public async Task A_record_beyond_the_position_is_found()
    {
        await _lake.AppendRecordsAsync(Events, from: null, to: 3, 0, 1, 5);

        Assert.Contains(new FileIsOutsideItsRange(1, 0, 5, From: null, 3), (await BrokenAsync()).Select(check => check.Found));
    }

    [Fact]
    public async Task Offsets_that_hold_no_record_are_counted()
    {
        await _lake.AppendRecordsAsync(Events, from: null, to: 10, 0, 1, 2);

        Assert.Contains(new CheckedTable(Events, Offsets, new RecordsAreThereOnce(3, Unused: 7, GivenUp: 0)), await VerifyAsync());
    }

    [Fact]
    public async Task A_position_that_went_back_is_found()
    {
        await _lake.AppendRecordsAsync(Events, from: null, to: 3, 0, 1, 2);
        await _lake.AppendRecordsAsync(Events, from: 3, to: 2, 1);

        Assert.Contains(new PositionWentBack(2, Split, 3, 2), (await BrokenAsync()).Select(check => check.Found));
    }

    [Fact]
    public async Task A_missing_file_is_named()
    {
        await _lake.AppendRecordsAsync(Events, from: null, to: 1, 0);
        var file = Assert.Single(_lake.DataFiles(Events));
        file.Delete();

        Assert.Equal(new CheckedTable(Events, new TableCheck.Files(), new FileIsMissing(PathOf(file), 1)), Assert.Single(await BrokenAsync()));
    }

    [Fact]
    public async Task A_truncated_file_is_named()
    {
        await _lake.AppendRecordsAsync(Events, from: null, to: 1, 0);
        var file = Assert.Single(_lake.DataFiles(Events));
        using (var stream = file.OpenWrite()) stream.SetLength(10);

        Assert.Equal(new FileHasOtherSize(PathOf(file), 10, file.Length), Assert.Single(await BrokenAsync()).Found);
    }

    [Fact]
    public async Task A_table_that_is_read_with_an_overlap_may_hold_rows_again()
    {
        var orders = TableId.Bronze("crm", "orders");
        await _lake.AppendRecordsAsync(orders, from: null, to: 3, 0, 1, 2);
        await _lake.AppendRecordsAsync(orders, from: 3, to: 5, 2, 3, 4);

        Assert.Contains(await VerifyAsync(orders), check => check is { Check: TableCheck.Positions, IsSound: true });
    }

    [Fact]
    public async Task A_re_driven_record_is_a_row_and_a_dead_letter()
    {
        await LettersAndRowsAsync();
        await _lake.RedriveAsync(Events, number: 1, 2);
        await _lake.AppendRecordsAsync(Events, from: 5, to: 6, 5);
        await _lake.RedriveAsync(Events, number: 2, 1);

        var checks = await VerifyAsync();

        Assert.All(checks, check => Assert.True(check.IsSound, check.ToString()));
        Assert.Contains(new CheckedTable(Events, new TableCheck.Redriven(), new RedrivenAreThereOnce(2)), checks);
        Assert.Contains(new CheckedTable(Events, Offsets, new RecordsAreThereOnce(6, 0, 0)), checks);
    }

    [Fact]
    public async Task Dead_letters_that_are_ahead_of_their_table_are_no_loss_and_no_surplus()
    {
        await LettersAndRowsAsync();
        await _lake.AppendLettersAsync(Events, from: 5, to: 8, 5, 7);

        var checks = await VerifyAsync();

        Assert.All(checks, check => Assert.True(check.IsSound, check.ToString()));
        Assert.Contains(new CheckedTable(Events, Offsets, new RecordsAreThereOnce(3, 0, 0)), checks);
    }

    [Fact]
    public async Task A_record_that_was_re_driven_twice_is_found()
    {
        await LettersAndRowsAsync();
        await _lake.RedriveAsync(Events, number: 1, 2);
        await _lake.RedriveAsync(Events, number: 2, 2);

        var broken = (await BrokenAsync()).Select(check => check.Found).ToList();

        Assert.Contains(new RedrivenAreThereTwice(1), broken);
        Assert.Contains(new RecordsAreThereTwice("0", 1), broken);
    }

    [Fact]
    public async Task A_re_driven_record_that_the_table_held_already_is_found()
    {
        await LettersAndRowsAsync();
        await _lake.RedriveAsync(Events, number: 1, 3);

        Assert.Contains(new RecordsAreThereTwice("0", 1), (await BrokenAsync()).Select(check => check.Found));
    }

    [Fact]
    public async Task A_re_driven_record_without_a_dead_letter_is_found()
    {
        await LettersAndRowsAsync();
        await _lake.RedriveAsync(Events, number: 1, 4);

        Assert.Contains(new RedrivenHaveNoLetter(1), (await BrokenAsync()).Select(check => check.Found));
    }

    [Fact]
    public async Task Re_driven_rows_without_the_number_of_their_redrive_are_found()
    {
        await LettersAndRowsAsync();
        await _lake.RedriveAsync(Events, number: null, 2);

        Assert.Contains(await BrokenAsync(), check => check.Found is OtherCommitChangesData { Version: 2 });
    }

    /// <summary>Offsets 1 and 2 are dead, 0, 3 and 4 are rows.</summary>
    private async Task LettersAndRowsAsync()
    {
        await _lake.AppendLettersAsync(Events, from: null, to: 5, 1, 2);
        await _lake.AppendRecordsAsync(Events, from: null, to: 5, 0, 3, 4);
    }

    private async Task<List<CheckedTable>> VerifyAsync(params TableId[] repeating) =>
        await new LakeVerifier(_lake.Lake, LakeTables.None with { Bronze = [.. repeating.Select(table => new BronzeDefinition(table, RowsMayRepeat: true))] }).VerifyAsync(TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);

    private async Task<List<CheckedTable>> BrokenAsync() => [.. (await VerifyAsync()).Where(check => !check.IsSound)];

    /// <summary>As the table's log names it.</summary>
    private string PathOf(FileInfo file) => Path.GetRelativePath(Path.Combine(_lake.Directory, Events.ToString()), file.FullName);
}
