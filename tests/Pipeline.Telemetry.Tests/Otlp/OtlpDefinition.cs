using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Pipeline.Testing;

namespace Pipeline.Telemetry.Tests.Otlp;

/// <summary>OTLP as OpenTelemetry itself defines it; skips the test where it cannot be had.</summary>
internal static class OtlpDefinition
{
    /// <summary>What is in a request; fails for what is not of the definition.</summary>
    public static async Task<JsonNode> ReadAsync(byte[] request)
    {
        var modules = await NpmModules.TryFetchAsync(PathOf("package.json"), TestContext.Current.CancellationToken);
        Assert.SkipWhen(modules is null, "npm cannot fetch OpenTelemetry's definition of OTLP.");
        using var directory = new ScratchDirectory("otlp-");
        var file = Path.Combine(directory, "request");
        await File.WriteAllBytesAsync(file, request, TestContext.Current.CancellationToken);
        await using var node = OutsideProgram.TryStart("node", [PathOf("decode.cjs"), modules, file]);
        Assert.SkipWhen(node is null, "There is no node.");

        var (exitCode, lines) = await node.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.True(exitCode == 0, string.Join('\n', lines));
        var read = JsonNode.Parse(Assert.Single(lines))!;
        Assert.True((bool)read["isWhole"]!);
        Assert.Null(read["wrong"]);
        return read["request"]!;
    }

    public static string PathOf(string file, [CallerFilePath] string self = "") => Path.Combine(Path.GetDirectoryName(self)!, file);
}
