using System.Runtime.CompilerServices;
using System.Text;
using Pipeline.Node.Cli;
using Pipeline.Testing;

namespace Pipeline.Demo.Tests.Terminal;

/// <summary>A real terminal emulator, without a window: npm's <c>@xterm/headless</c>.</summary>
internal static class TerminalEmulator
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static string Folder => Path.Combine(Path.GetDirectoryName(Here())!, "Emulator");

    /// <summary>What is written, as the system hands it to a terminal.</summary>
    public static byte[] BytesOf(string written) => Encoding.UTF8.GetBytes(written.ReplaceLineEndings("\n").Replace("\n", "\r\n", StringComparison.Ordinal));

    /// <summary>The screen after these bytes: its lines, then where they have colours. Skips the test where the emulator cannot be had.</summary>
    public static Task<string> ScreenOfAsync(byte[] bytes, TerminalSize size) => ScreenOfAsync((bytes, size));

    /// <param name="pieces">Bytes, each with the size that the terminal has got before they are written.</param>
    public static async Task<string> ScreenOfAsync(params (byte[] Bytes, TerminalSize Size)[] pieces)
    {
        var modules = await NpmModules.TryFetchAsync(Path.Combine(Folder, "package.json"), Cancel);
        Assert.SkipWhen(modules is null, "npm cannot fetch @xterm/headless.");
        using var directory = new ScratchDirectory("pipeline-terminal-");
        List<string> arguments = [Path.Combine(Folder, "grid.mjs"), modules];
        foreach (var (bytes, size) in pieces)
        {
            var file = Path.Combine(directory, $"bytes-{arguments.Count}");
            await File.WriteAllBytesAsync(file, bytes, Cancel);
            arguments.AddRange([file, $"{size.Width}", $"{size.Height}"]);
        }

        await using var node = OutsideProgram.TryStart("node", arguments);
        Assert.SkipWhen(node is null, "There is no node.");
        var (exit, lines) = await node.WaitForExitAsync(Cancel);
        Assert.True(exit == 0, string.Join('\n', lines));
        return string.Join('\n', lines);
    }

    /// <summary>Draws the screen after these bytes in a browser, as <c>PREFIX-dark.png</c> and <c>PREFIX-light.png</c>.</summary>
    /// <returns>Its lines as they are drawn, and what is hard to read on its ground; null: there is no browser here, which the test is warned of.</returns>
    public static async Task<(string Lines, IReadOnlyList<string> Faint)?> DrawAsync(byte[] bytes, TerminalSize size, string prefix)
    {
        var folder = Path.Combine(Path.GetDirectoryName(Here())!, "Pictures");
        if (await NpmModules.TryFetchAsync(Path.Combine(folder, "package.json"), Cancel) is not { } modules) return NoPictures("npm cannot fetch a browser");
        using var directory = new ScratchDirectory("pipeline-picture-");
        var file = Path.Combine(directory, "bytes");
        await File.WriteAllBytesAsync(file, bytes, Cancel);
        await using var node = OutsideProgram.TryStart("node", [Path.Combine(folder, "draw.mjs"), modules, file, $"{size.Width}", $"{size.Height}", prefix]);
        if (node is null) return NoPictures("there is no node");
        var (exit, lines) = await node.WaitForExitAsync(Cancel);
        if (exit == 3) return NoPictures(string.Join(' ', lines));
        Assert.True(exit == 0, string.Join('\n', lines));
        return (string.Join('\n', lines.Where(line => line.StartsWith('|'))), [.. lines.Where(line => !line.StartsWith('|'))]);

        static (string, IReadOnlyList<string>)? NoPictures(string why)
        {
            TestContext.Current.AddWarning($"No pictures of the terminal are made: {why}.");
            return null;
        }
    }

    /// <summary>Runs the command line at a terminal of its own, of this size, until it ends; what it has written to it.</summary>
    /// <param name="directory">In which it is started.</param>
    public static Task<byte[]> RunAsync(string directory, TerminalSize size, params string[] args) => RunAsync(directory, size, "pipeline.dll", typed: "", args);

    /// <param name="program">A file beside the tests.</param>
    /// <param name="typed">What somebody has typed before he was asked.</param>
    public static async Task<byte[]> RunAsync(string directory, TerminalSize size, string program, string typed, params string[] args)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/script"), "A pseudo-terminal is made by Linux's script (util-linux).");
        var written = Path.Combine(directory, $"written-{size.Width}");
        var command = $"stty cols {size.Width} rows {size.Height} && cd '{directory}' && exec dotnet '{Path.Combine(AppContext.BaseDirectory, program)}' {string.Join(' ', args)}";
        var environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["TERM"] = "xterm-256color", ["NO_COLOR"] = "" };
        // Nobody types on: what is asked beyond this finds the end of what was typed.
        await using var script = OutsideProgram.TryStart("/bin/sh", ["-c", $"printf '{typed}' | /usr/bin/script --quiet --return --flush --log-out '{written}' --command \"{command}\""], environment);
        await script!.WaitForExitAsync(Cancel);
        // Its own first and last lines are about itself.
        var all = Encoding.UTF8.GetString(await File.ReadAllBytesAsync(written, Cancel));
        var (start, end) = (all.IndexOf('\n', StringComparison.Ordinal) + 1, all.LastIndexOf("\nScript done on", StringComparison.Ordinal));
        return Encoding.UTF8.GetBytes(end < start ? all[start..] : all[start..end]);
    }

    private static string Here([CallerFilePath] string path = "") => path;
}
