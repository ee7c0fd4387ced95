using System.Text;

namespace Pipeline.Node.Cli;

/// <summary>Messages at a terminal: lines that are too long are folded between words, but for those that programs read.</summary>
internal sealed class FoldingWriter(TextWriter inner, Func<TerminalSize> screen) : TextWriter
{
    private const char Escape = '\e';

    private readonly StringBuilder _line = new();

    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value)
    {
        if (value == '\n') EndLine();
        else _line.Append(value);
    }

    public override void Write(string? value)
    {
        foreach (var letter in value ?? "") Write(letter);
    }

    public override void WriteLine(string? value)
    {
        Write(value);
        EndLine();
    }

    /// <summary>What has no end yet is a question: its answer is typed behind it.</summary>
    public override void Flush()
    {
        inner.Write(_line);
        _line.Clear();
        inner.Flush();
    }

    private void EndLine()
    {
        var line = _line.ToString().TrimEnd('\r');
        _line.Clear();
        foreach (var part in IsWhole(line) ? [line] : Prose.Fold(line, screen().Width)) inner.WriteLine(part);
    }

    /// <summary>What moves the cursor knows where it stands, and a line of JSON is one to whoever copies it.</summary>
    private static bool IsWhole(string line) => line.Contains(Escape, StringComparison.Ordinal) || line.StartsWith('{');
}
