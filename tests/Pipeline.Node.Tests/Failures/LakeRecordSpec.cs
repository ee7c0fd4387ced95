using Microsoft.Extensions.Logging;
using Pipeline.Core;
using Pipeline.Node.Composition;
using Pipeline.Operations.Options;
using Pipeline.Operations.Verification;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

/// <summary>What a node says in its lake of the tables that this shall hold.</summary>
public sealed class LakeRecordSpec : IDisposable
{
    private const string Sources = """events { type = kafka, bootstrap = "localhost:1", security { protocol = plaintext }, tables { clicks { topic = clicks, format = json } } }""";

    private readonly ScratchDirectory _directory = new("pipeline-record-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task What_the_lake_refuses_to_take_at_the_start_it_is_given_when_it_takes_it()
    {
        var location = Path.Combine(_directory, "lake");
        var options = PipelineOptions.Load(await RunningNode.ConfigureAsync(_directory, Sources), SourceKinds.All, location, _ => null);
        var lake = Lakes.Open(new LakeOptions { Location = location }, TimeProvider.System);
        // A directory stands where the object is to be: somebody has to mend that.
        var place = lake.Store.LocalPath(LakeTables.Path)!;
        Directory.CreateDirectory(place);
        using var logs = new LogLines();
        using var record = new LakeRecord(options, lake, OutageWatch.Silent(TimeProvider.System), TimeProvider.System, logs);

        record.Start();
        await logs.WaitForAsync(line => line.StartsWith("The lake does not say which tables it shall hold", StringComparison.Ordinal), Cancel);
        Directory.Move(place, $"{place}.away");
        await logs.WaitForAsync(line => line.StartsWith("The lake says which tables it shall hold. It was: ", StringComparison.Ordinal), Cancel);

        Assert.Equal([TableId.Bronze("events", "clicks")], (await LakeTables.TryReadAsync(lake.Store, Cancel))!.Bronze.Select(bronze => bronze.Table));
        Assert.Single(logs.At(LogLevel.Warning));
    }
}
