using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Delta;
using Pipeline.Delta.Places;
using Pipeline.Delta.Storage;
using Pipeline.Node.Composition;
using Pipeline.Node.Tests.Failures;
using Pipeline.Operations.Alerting;
using Pipeline.Operations.Options;
using Pipeline.Operations.Planning;
using Pipeline.Operations.Sources;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>What <c>check</c> says of the locations of tables, and that a node knows which directories it fills.</summary>
public sealed class LocationCheckSpec : IDisposable
{
    private static readonly TableId People = TableId.Bronze("app", "people");

    private readonly ScratchDirectory _directory = new("location-check-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Internal => Path.Combine(_directory, "internal");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_location_that_nobody_has_used_can_be_written()
    {
        Assert.Equal((true, "can be written"), await CheckedAsync("bronze = internal"));
        Assert.Equal((true, "can be written"), await CheckedAsync("bronze = internal"));
    }

    [Theory]
    [InlineData("bronze = internal")]
    [InlineData("")]
    public async Task One_that_has_tables_and_is_not_mounted_is_told_and_not_made_anew(string places)
    {
        var (_, lake) = await LoadAsync("bronze = internal");
        await ((PlacedStore)lake.Store).FixAsync(People, await lake.IdAsync(Cancel), Cancel);
        Assert.Equal((true, "can be written"), await CheckedAsync(places));
        ScratchDirectory.Delete(Internal);

        var (isOk, detail) = await CheckedAsync(places);

        Assert.False(isOk);
        Assert.Contains("it is not mounted, or was emptied", detail, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Internal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task One_that_is_another_lake_s_is_told_before_a_table_is_made_there(bool hasId)
    {
        await LocationOwner.ClaimAsync(new LocalObjectStore(Internal), "another", Cancel);
        if (hasId) await (await LoadAsync("")).Lake.IdAsync(Cancel);

        var (isOk, detail) = await CheckedAsync("bronze = internal");

        Assert.False(isOk);
        Assert.Contains("it has tables of the lake another, and this is ", detail, StringComparison.Ordinal);
        Assert.Equal(hasId, await (await LoadAsync("")).Lake.TryIdAsync(Cancel) is not null);
    }

    [Fact]
    public async Task A_node_tells_the_free_space_of_each_directory_that_has_tables()
    {
        var (options, lake) = await LoadAsync("");

        var directories = NodeDirectories.Of(options);

        Assert.Equal((lake.Store.Location, Internal), (directories["lake"], directories["locations.internal"]));
        Assert.Equal(["lake", "locations.internal", "spool", "work"], directories.Keys);
        var estimate = EstimateMetrics.Run(new EstimateMetricsRequest(Nodes: 1, Partitions: 1, new MetricPrices()), options);
        Assert.Equal(directories.Count, Assert.Single(estimate.Instruments, instrument => instrument.Instrument == Instruments.DiskFree).Series);
    }

    [Fact]
    public async Task Of_a_lake_in_a_bucket_no_disk_is_told()
    {
        var (options, _) = await LoadAsync("", "s3://shop-lake/lake");

        Assert.Equal(["locations.internal", "spool", "work"], NodeDirectories.Of(options).Keys);
    }

    private async Task<(bool IsOk, string Detail)> CheckedAsync(string places)
    {
        var (options, lake) = await LoadAsync(places);
        var services = new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new LakeOwner("pipeline", lake));
        var check = await CheckPipeline.RunAsync(new CheckPipelineRequest(), options with { Sources = [] }, services, lake, Cancel);
        var found = Assert.Single(check.Findings, finding => finding.Thing == $"Location internal ({Internal})");
        return (found.Ok, found.Detail);
    }

    private async Task<(PipelineOptions Options, Lake Lake)> LoadAsync(string places, string? lakeLocation = null)
    {
        File.Delete(Path.Combine(_directory, "akka.conf"));
        var config = await RunningNode.ConfigureAsync(_directory, "app { type = kafka, bootstrap = \"127.0.0.1:1\", tables { people { topic = people } } }", $$"""
            lake { places { {{places}} } }
            locations { internal { location = "{{Internal}}" }, bucket { location = "s3://shop-external/lake" } }
            """);
        var options = PipelineOptions.Load(config, SourceKinds.All, lakeLocation ?? Path.Combine(_directory, "lake"), _ => null);
        return (options, Lakes.Open(options.Lake, TimeProvider.System));
    }
}
