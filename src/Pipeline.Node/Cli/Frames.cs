using System.Text;

namespace Pipeline.Node.Cli;

/// <summary>Looks at a terminal, each drawn over the one before it; what was there before the first stays above.</summary>
internal sealed class Frames(NodeContext context)
{
    private int _lines;
    private TerminalSize _size;

    /// <summary>Whether they can be drawn: somebody watches, and the cursor can be moved.</summary>
    public static bool AreFor(NodeContext context) => context is { IsTerminal: true, Screen: not null } && context.Environment("TERM") is not (null or "" or "dumb");

    /// <param name="frameOf">Its lines: of those that are wider than the terminal the beginning is shown, of those that are below its end nothing.</param>
    public void Show(Func<TerminalSize, IEnumerable<string>> frameOf)
    {
        var size = context.Screen!();
        var text = new StringBuilder();
        // In another size the lines before stand elsewhere than they were drawn.
        if (_lines > 0) text.Append(size == _size ? $"\e[{_lines}A" : "\e[H");
        (_lines, _size) = (0, size);
        // The cursor stands below the last line: a line that went on in the next would be one more than is counted.
        foreach (var line in frameOf(size).Take(size.Height - 1))
        {
            text.Append("\e[2K").Append(TextCells.Clip(line, size.Width)).Append('\n');
            _lines++;
        }

        context.Data.Write(text.Append("\e[J"));
        context.Data.Flush();
    }
}
