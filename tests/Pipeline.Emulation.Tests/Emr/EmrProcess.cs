using System.Text.Json.Nodes;
using Pipeline.Testing;

namespace Pipeline.Emulation.Tests.Emr;

/// <summary>The server in a process of its own.</summary>
internal sealed class EmrProcess : IAsyncDisposable
{
    public const string Application = "00emulated00app1";

    private static readonly TimeSpan StartDeadline = Deadlines.Test;

    private readonly OutsideProgram _program;

    private EmrProcess(OutsideProgram program, JsonNode announced) => (_program, Url, Cluster) = (program, new Uri((string)announced["url"]!), (string)announced["cluster"]!);

    public Uri Url { get; }

    public string Cluster { get; }

    public static async Task<EmrProcess> StartAsync(string state, params string[] options)
    {
        var program = OutsideProgram.TryStart("dotnet", [Path.Combine(AppContext.BaseDirectory, "pipeline-emr.dll"), "serve", "--state", state, .. options])!;
        var line = await program.WaitForLineAsync(line => line.StartsWith('{'), StartDeadline, TestContext.Current.CancellationToken);
        if (line is null) Assert.Fail(string.Join('\n', await program.LinesAsync()));
        return new EmrProcess(program, JsonNode.Parse(line)!);
    }

    /// <summary>As kill -9 does.</summary>
    public ValueTask DisposeAsync() => _program.DisposeAsync();
}
