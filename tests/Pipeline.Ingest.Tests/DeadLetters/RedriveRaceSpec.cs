using Pipeline.Core;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Parquet;
using Pipeline.Ingest.DeadLetters;

namespace Pipeline.Ingest.Tests.DeadLetters;

/// <summary>Each letter enters once, whoever else works on the table.</summary>
public sealed class RedriveRaceSpec : IDisposable
{
    private const int Letters = 24;
    private const int LetterBytes = 800_000;

    // Of at most 8 MiB and one letter.
    private const int Batches = 3;

    private readonly LetterLake _lake = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task Operators_who_redrive_at_once_enter_each_record_once()
    {
        await _lake.DieAsync(LargeLetters());

        var reports = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => _lake.RedriveAsync(), Cancel)));

        Assert.Equal(Letters, reports.Sum(report => report.Letters(RedriveOutcome.Redriven)));
        Assert.Equal(3 * Letters, reports.Sum(report => report.Letters(RedriveOutcome.InTable)));
        Assert.Equal(Batches, (await _lake.ClicksAsync()).Current.Position(Redrive.AppId));
        await AssertEachOnceAsync(Letters);
    }

    [Fact]
    public async Task Beside_a_writer_and_a_compaction_each_record_enters_once_and_none_of_theirs_is_lost()
    {
        const int appended = 40;
        await _lake.DieAsync(LargeLetters());
        var writing = Task.Run(async () =>
        {
            for (var offset = Letters; offset < Letters + appended; offset++) await _lake.AppendAsync(LetterLake.Letter(offset, "{}"u8.ToArray()));
        }, Cancel);
        var compacting = Task.Run(async () =>
        {
            while (!writing.IsCompleted) await Compaction.RunAsync(await _lake.ClicksAsync(), new CompactionOptions(new DataFileOptions()), Cancel);
        }, Cancel);

        var reports = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() => _lake.RedriveAsync(), Cancel)));
        await writing;
        await compacting;

        Assert.Equal(Letters, reports.Sum(report => report.Letters(RedriveOutcome.Redriven)));
        await AssertEachOnceAsync(Letters + appended);
    }

    [Fact]
    public async Task Files_of_redrives_that_came_too_late_are_not_left_behind()
    {
        await _lake.DieAsync(LargeLetters());
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => _lake.RedriveAsync(), Cancel)));

        var live = (await _lake.ClicksAsync()).Current.FilesByPath.Count;

        Assert.Equal(live, Directory.GetFiles(Path.Combine(_lake.Root, LetterLake.Clicks.ToString()), "*.parquet", SearchOption.AllDirectories)
            .Count(path => !path.Contains("_delta_log", StringComparison.Ordinal)));
    }

    private async Task AssertEachOnceAsync(int records) =>
        Assert.Equal(Enumerable.Range(0, records), (await _lake.RowsAsync("_offset")).Select(int.Parse).Order());

    private static DeadLetter[] LargeLetters() =>
        [.. Enumerable.Range(0, Letters).Select(offset => LetterLake.Letter(offset, [.. Enumerable.Repeat((byte)('a' + offset), LetterBytes)]))];
}
