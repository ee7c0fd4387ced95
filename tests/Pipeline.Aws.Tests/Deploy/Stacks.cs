using System.Text.Json.Nodes;
using Pipeline.Testing;

namespace Pipeline.Aws.Tests.Deploy;

/// <summary>The templates in <c>deploy/</c>, as others read them. Tests that need Python's modules for that are skipped where they are missing.</summary>
internal static class Stacks
{
    public static string Folder { get; } = Path.Combine(Repository.Root, "deploy");

    private static readonly Lazy<Task<(JsonNode? Answer, string Missing)>> Read = new(() => RunAsync("cfnlint", "read", Folder));

    /// <summary>Every template, by its file's name without the extension.</summary>
    public static async Task<JsonObject> TemplatesAsync() => Present(await Read.Value).AsObject();

    /// <summary>Makes sets of stacks, each in an emulation of its own: see <c>stacks.py</c>.</summary>
    public static async Task<JsonArray> MadeAsync(JsonArray sets) => Present(await RunAsync("moto", "make", Folder, sets.ToJsonString())).AsArray();

    /// <summary>Every resource of a template, by its name.</summary>
    public static IEnumerable<(string Name, JsonObject Resource)> Resources(JsonNode template) =>
        template["Resources"]!.AsObject().Select(resource => (resource.Key, resource.Value!.AsObject()));

    public static string TypeOf(JsonObject resource) => (string)resource["Type"]!;

    private static JsonNode Present((JsonNode? Answer, string Missing) run)
    {
        Assert.SkipWhen(run.Answer is null, run.Missing);
        return run.Answer;
    }

    private static async Task<(JsonNode? Answer, string Missing)> RunAsync(string module, params string[] arguments)
    {
        await using var probe = OutsideProgram.TryStart("python3", ["-c", $"import {module}"]);
        if (probe is null) return (null, "There is no python3.");
        if ((await probe.WaitForExitAsync(CancellationToken.None)).ExitCode != 0) return (null, $"python3 has no module {module} (pip install cfn-lint 'moto[all]').");
        await using var python = OutsideProgram.TryStart("python3", [Path.Combine(Repository.Root, "tests", "Pipeline.Aws.Tests", "Deploy", "stacks.py"), .. arguments])!;
        var (exitCode, lines) = await python.WaitForExitAsync(CancellationToken.None);
        Assert.True(exitCode == 0, string.Join('\n', lines));
        return (JsonNode.Parse(lines.Single(line => line.StartsWith('{') || line.StartsWith('['))), "");
    }
}
