using System.Reflection.PortableExecutable;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Pipeline.Testing;

namespace Pipeline.Aws.Tests.Deploy;

/// <summary>
/// What <c>docker/</c> makes. No engine of containers is needed: the files are read by others, and the image's content is published as its Dockerfile does.
/// </summary>
public sealed partial class ImageSpec : IDisposable
{
    private static readonly string Docker = Path.Combine(Repository.Root, "docker");
    private static readonly string[] Dockerfile = File.ReadAllText(Path.Combine(Docker, "Dockerfile")).Replace("\\\n", "", StringComparison.Ordinal).Split('\n');

    /// <summary>A user that owns nothing.</summary>
    private static readonly string[] Nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];

    private readonly ScratchDirectory _directory = new("pipeline-image-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Readers_of_Dockerfiles_and_the_schema_of_Compose_find_nothing()
    {
        var folder = Path.Combine(Repository.Root, "tests", "Pipeline.Aws.Tests", "Deploy", "Image");
        var modules = await NpmModules.TryFetchAsync(Path.Combine(folder, "package.json"), Cancel);
        Assert.SkipWhen(modules is null, "npm cannot fetch the readers.");
        var environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["NODE_PATH"] = modules };

        await using var node = OutsideProgram.TryStart("node", [Path.Combine(folder, "lint.mjs"), Path.Combine(Docker, "Dockerfile"), Path.Combine(Docker, "compose.yaml")], environment);
        var (exitCode, lines) = await node!.WaitForExitAsync(Cancel);

        Assert.Equal(0, exitCode);
        Assert.Equal(["10 services read"], lines);
    }

    [Fact]
    public void Everything_that_the_node_is_built_of_is_copied_and_no_emulation_is_among_it()
    {
        var copied = CopiedSources().ToList();
        var projects = new HashSet<string>(StringComparer.Ordinal);
        Add(Path.Combine(Repository.Root, "src", "Pipeline.Node", "Pipeline.Node.csproj"));

        Assert.Contains(projects, project => project.EndsWith("Pipeline.Delta.csproj", StringComparison.Ordinal));
        Assert.DoesNotContain(projects, project => project.Contains("Emulation", StringComparison.Ordinal) || project.Contains("Demo", StringComparison.Ordinal));
        foreach (var project in projects)
        {
            foreach (var file in XDocument.Load(project).Descendants().Attributes("Include").Select(include => include.Value).Where(include => include.StartsWith("../../", StringComparison.Ordinal)))
                Assert.Contains(copied, source => file["../../".Length..] == source || file["../../".Length..].StartsWith($"{source}/", StringComparison.Ordinal));
        }

        // What a build of any project reads, where it is.
        foreach (var file in (string[])["global.json", "Directory.Build.props", "Directory.Packages.props", ".editorconfig", "BannedSymbols.txt"]) Assert.Contains(file, copied);

        void Add(string project)
        {
            if (!projects.Add(project)) return;
            foreach (var other in XDocument.Load(project).Descendants("ProjectReference").Select(reference => reference.Attribute("Include")!.Value))
                Add(Path.GetFullPath(Path.Combine(Path.GetDirectoryName(project)!, other)));
        }
    }

    [Fact]
    public void The_image_runs_as_a_user_that_owns_only_what_is_written_and_says_how_it_is()
    {
        var last = Dockerfile.Skip(Array.FindLastIndex(Dockerfile, line => line.StartsWith("FROM ", StringComparison.Ordinal))).ToList();

        Assert.Equal("USER app", Assert.Single(last, line => line.StartsWith("USER ", StringComparison.Ordinal)));
        Assert.Contains("""VOLUME ["/var/lib/pipeline", "/run/pipeline", "/tmp"]""", last);
        Assert.Contains(last, line => line.StartsWith("HEALTHCHECK ", StringComparison.Ordinal) && line.Contains("/app/docker/is-live", StringComparison.Ordinal));
        // The node's own directory is written by the build alone.
        Assert.DoesNotContain(last, line => line.StartsWith("RUN ", StringComparison.Ordinal) && ChownOfApp().IsMatch(line));
        Assert.All((string[])["is-live", "write-files"], script => Assert.True(ModeOf(Path.Combine(Docker, script)).HasFlag(UnixFileMode.OtherExecute)));
    }

    [Fact]
    public async Task Files_that_come_as_variables_are_written_for_their_reader_alone()
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["CLUSTER_KEY"] = "-----BEGIN\nx", ["MASK_KEY"] = "drawn" };

        await using var script = OutsideProgram.TryStart(Path.Combine(Docker, "write-files"), [_directory], environment)!;
        var (exitCode, lines) = await script.WaitForExitAsync(Cancel);

        Assert.Equal((0, ""), (exitCode, string.Join('\n', lines)));
        Assert.Equal(["mask-key", "node.key"], Directory.EnumerateFiles(_directory).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal("-----BEGIN\nx", await File.ReadAllTextAsync(Path.Combine(_directory, "node.key"), Cancel));
        Assert.All(Directory.EnumerateFiles(_directory), file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, ModeOf(file)));
    }

    [Fact]
    public async Task What_the_image_is_made_of_runs_for_a_user_that_cannot_write_to_it()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1", "It builds the node from nothing, compiled ahead: PIPELINE_NIGHTLY=1.");
        Assert.SkipUnless(Environment.UserName == "root" && File.Exists("/usr/bin/setpriv"), "Only root can become another user, with setpriv.");
        var (source, app, data) = (Path.Combine(_directory, "source"), Path.Combine(_directory, "app"), Path.Combine(_directory, "data"));
        foreach (var directory in (string[])[source, app, data]) Directory.CreateDirectory(directory);

        // As the Dockerfile's first stage.
        foreach (var copied in CopiedSources()) await BashAsync($"cd '{Repository.Root}' && tar -c --exclude=bin --exclude=obj '{copied}' | tar -x -C '{source}'");
        foreach (var run in Dockerfile.Where(line => line.StartsWith("RUN dotnet ", StringComparison.Ordinal)))
            await BashAsync($"cd '{source}' && export MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false && {InScratch(run["RUN ".Length..])}");
        await BashAsync($"mkdir -p '{app}/docker' && cp -p '{Docker}/is-live' '{Docker}/write-files' '{app}/docker' && chmod -R a-w,a+rX '{app}' && chmod a+x '{_directory}' && chown -R 65534:65534 '{data}'");

        Assert.True(IsCompiledAhead(Path.Combine(app, "pipeline.dll")));
        Assert.DoesNotContain(Directory.EnumerateFiles(app), file => file.Contains("Emulation", StringComparison.Ordinal));
        var components = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(app, "sbom.json"), Cancel))!["components"]!.AsArray().Select(component => (string)component!["name"]!).ToHashSet(StringComparer.Ordinal);
        Assert.Superset(new HashSet<string>(["Akka.Cluster", "AWSSDK.S3", "Confluent.Kafka", "Npgsql"], StringComparer.Ordinal), components);

        var port = LoopbackPort.Free();
        await File.WriteAllTextAsync(Path.Combine(data, "pipeline.conf"), $"pipeline {{ name = image, lake.location = \"{data}/lake\", http.port = {port} }}\n", Cancel);
        await BashAsync($"cp '{app}/hocon/akka.conf' '{data}'");
        Assert.NotEqual(0, (await AsNobodyAsync("touch", Path.Combine(app, "written"))).ExitCode);
        var check = await AsNobodyAsync("dotnet", Path.Combine(app, "pipeline.dll"), "check", "--config", Path.Combine(data, "pipeline.conf"));
        Assert.True(check.ExitCode == 0, check.Said);

        await using var node = OutsideProgram.TryStart("setpriv", [.. Nobody, "dotnet", Path.Combine(app, "pipeline.dll"), "run", "--config", Path.Combine(data, "pipeline.conf")], Quiet(data))!;
        var ended = node.WaitForExitAsync(Cancel);
        while ((await AsNobodyAsync(Path.Combine(app, "docker", "is-live"), $"{port}")).ExitCode != 0)
        {
            if (ended.IsCompleted) Assert.Fail(string.Join('\n', (await ended).Lines));
            await Task.Delay(100, Cancel);
        }

        Assert.True(File.Exists(Path.Combine(data, "lake", "_pipeline", "lake.json")));

        string InScratch(string command) => command.Replace("/app", app, StringComparison.Ordinal).Replace("/tools", Path.Combine(_directory, "tools"), StringComparison.Ordinal);

        async Task<(int ExitCode, string Said)> AsNobodyAsync(params string[] command)
        {
            await using var program = OutsideProgram.TryStart("setpriv", [.. Nobody, .. command], Quiet(data))!;
            var (exitCode, lines) = await program.WaitForExitAsync(Cancel);
            return (exitCode, string.Join('\n', lines));
        }
    }

    private static UnixFileMode ModeOf(string file) => OperatingSystem.IsWindows() ? throw new PlatformNotSupportedException() : File.GetUnixFileMode(file);

    private static Dictionary<string, string> Quiet(string data) => new(StringComparer.Ordinal) { ["HOME"] = data, ["TMPDIR"] = data, ["DOTNET_EnableDiagnostics"] = "0" };

    /// <summary>What the first stage copies from the repository.</summary>
    private static IEnumerable<string> CopiedSources() => Dockerfile.TakeWhile((line, i) => i == 0 || !line.StartsWith("FROM mcr.microsoft.com/dotnet/aspnet", StringComparison.Ordinal))
        .Where(line => line.StartsWith("COPY ", StringComparison.Ordinal)).SelectMany(line => line.Split(' ')[1..^1]);

    private static bool IsCompiledAhead(string assembly)
    {
        using var reader = new PEReader(File.OpenRead(assembly));
        return reader.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory.Size > 0;
    }

    private static async Task BashAsync(string command)
    {
        await using var bash = OutsideProgram.TryStart("bash", ["-euo", "pipefail", "-c", command])!;
        var (exitCode, lines) = await bash.WaitForExitAsync(Cancel);
        Assert.True(exitCode == 0, $"{command}\n{string.Join('\n', lines)}");
    }

    [GeneratedRegex(@"chown[^&]* /app\b")]
    private static partial Regex ChownOfApp();
}
