using Pipeline.Core;
using Pipeline.Demo.Driver;
using Pipeline.Demo.Tests.Data;
using Pipeline.Testing;

namespace Pipeline.Demo.Tests.Driver;

public sealed class DemoDriverSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("demo-");

    private DemoOptions Options => new(_directory) { RowsPerSecond = 300, Ticks = 10, TickInterval = TimeSpan.Zero, Seed = 3 };

    [Fact]
    public async Task Expects_what_a_naive_reader_finds_in_the_three_sources()
    {
        using var lake = new NaiveMedallion();
        var reader = new NaiveReader(lake);
        await using var driver = await DemoDriver.StartAsync(Options, reader, TimeProvider.System, TestContext.Current.CancellationToken);
        reader.Attach(driver.Sources);

        var expectation = await driver.RunAsync(TestContext.Current.CancellationToken);
        await reader.ReadAllAsync(TestContext.Current.CancellationToken);
        lake.Build();

        Assert.Equal(11, expectation.Tables.Count);
        Assert.Empty(ExpectationCheck.Differences(expectation, lake));
        Assert.Equal(expectation.Tables.Sum(table => table.DeadLetters), reader.DeadLetters);
        Assert.Equal(expectation.Tables.Sum(table => table.Sent), driver.Sent.Values.Sum());
    }

    [Fact]
    public async Task Goes_on_with_the_same_data_when_resumed_after_it_was_cut_off()
    {
        using var lake = new NaiveMedallion();
        var reader = new NaiveReader(lake);
        using var cut = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        await using (var driver = await DemoDriver.StartAsync(Options, reader, TimeProvider.System, TestContext.Current.CancellationToken))
        {
            reader.Attach(driver.Sources);
            reader.Asked = times => { if (times == 13) cut.Cancel(); };
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => driver.RunAsync(cut.Token));
            // The pipeline read on until the end came.
            await reader.ReadAllAsync(TestContext.Current.CancellationToken);
            reader.Attach(null);
        }

        await using var resumed = await DemoDriver.StartAsync(Options with { IsResumed = true, Ticks = null, Seed = 99 }, reader, TimeProvider.System, TestContext.Current.CancellationToken);
        reader.Attach(resumed.Sources);
        var expectation = await resumed.RunAsync(TestContext.Current.CancellationToken);
        await reader.ReadAllAsync(TestContext.Current.CancellationToken);
        lake.Build();

        Assert.Equal(9, resumed.LastTick);
        Assert.Empty(ExpectationCheck.Differences(expectation, lake));
    }

    [Fact]
    public async Task Finishes_what_any_source_has_in_part_when_resumed_without_time_left()
    {
        using var lake = new NaiveMedallion();
        var reader = new NaiveReader(lake);
        using var cut = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var options = Options with { Ticks = null, Duration = TimeSpan.FromMinutes(1) };
        await using (var driver = await DemoDriver.StartAsync(options, reader, TimeProvider.System, TestContext.Current.CancellationToken))
        {
            reader.Attach(driver.Sources);
            // Cut off within a tick: some sources have it, some have not.
            reader.Asked = _ => { if (driver.LastTick >= 3) cut.Cancel(); };
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => driver.RunAsync(cut.Token));
            await reader.ReadAllAsync(TestContext.Current.CancellationToken);
            reader.Attach(null);
        }

        await using var resumed = await DemoDriver.StartAsync(options with { IsResumed = true, Duration = TimeSpan.Zero }, reader, TimeProvider.System, TestContext.Current.CancellationToken);
        reader.Attach(resumed.Sources);
        var expectation = await resumed.RunAsync(TestContext.Current.CancellationToken);
        await reader.ReadAllAsync(TestContext.Current.CancellationToken);
        lake.Build();

        Assert.True(resumed.LastTick >= 3);
        Assert.Empty(ExpectationCheck.Differences(expectation, lake));
    }

    [Fact]
    public async Task Does_not_start_anew_where_a_demo_has_run()
    {
        new DemoManifest(1, GeneratedData.BaseTime, 20, null).Save(_directory);

        var refused = await Assert.ThrowsAsync<PipelineException>(() =>
            DemoDriver.StartAsync(Options, new NaiveReader(new NaiveMedallion()), TimeProvider.System, TestContext.Current.CancellationToken));

        Assert.Contains("--resume", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Does_not_resume_where_no_demo_has_run()
    {
        var refused = await Assert.ThrowsAsync<PipelineException>(() =>
            DemoDriver.StartAsync(Options with { IsResumed = true }, new NaiveReader(new NaiveMedallion()), TimeProvider.System, TestContext.Current.CancellationToken));

        Assert.Equal(FaultKind.Missing, refused.Kind);
    }

    [Fact]
    public void A_damaged_manifest_is_named()
    {
        File.WriteAllText(Path.Combine(_directory, "manifest.json"), "{ \"seed\": ");

        var damaged = Assert.Throws<PipelineException>(() => DemoManifest.TryLoad(_directory));

        Assert.Equal(FaultKind.Damaged, damaged.Kind);
        Assert.Contains("manifest.json", damaged.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _directory.Dispose();
}
