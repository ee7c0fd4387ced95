namespace Pipeline.Configuration;

/// <summary>One file to be parsed.</summary>
/// <param name="Chain">This file and those that include it, innermost last.</param>
/// <param name="Base">The path of the object whose fields the file's fields become.</param>
internal sealed record HoconFile(string Path, string Text, IReadOnlyList<string> Chain, string[] Base);

/// <summary>Turns text into nodes, following includes. A file with a syntax error counts as far as it could be read.</summary>
internal sealed class HoconParser
{
    private const int DepthMax = 100;

    private readonly HoconFile _file;
    private readonly ReadConfigurationFile _files;
    private readonly List<ConfigProblem> _problems;
    private readonly HoconScanner _scanner;
    private int _depth;

    private HoconParser(HoconFile file, ReadConfigurationFile files, List<ConfigProblem> problems)
    {
        _file = file;
        _files = files;
        _problems = problems;
        _scanner = new HoconScanner(file.Text);
    }

    private SourceLocation Here => new(_file.Path, _scanner.Line);

    public static HoconObject Parse(HoconFile file, ReadConfigurationFile files, List<ConfigProblem> problems)
    {
        var parser = new HoconParser(file, files, problems);
        var root = new HoconObject(new SourceLocation(file.Path, 1));
        try
        {
            parser.ParseRoot(root);
        }
        catch (HoconSyntaxException e)
        {
            problems.Add(new ConfigProblem(new SourceLocation(file.Path, e.Line), string.Join('.', file.Base), e.Message));
        }

        return root;
    }

    private void ParseRoot(HoconObject root)
    {
        _scanner.SkipToContent();
        if (_scanner.Peek() == '[') throw Wrong("a file holds settings, not a list");
        if (_scanner.Peek() == '{') ParseObject(root, _file.Base);
        else ParseFields(root, _file.Base, closedBy: HoconScanner.End, openedAt: 1);

        _scanner.SkipToContent();
        if (!_scanner.AtEnd) throw Wrong($"'{_scanner.Peek()}' closes nothing that was opened");
    }

    private void ParseObject(HoconObject target, string[] path)
    {
        var openedAt = _scanner.Line;
        _scanner.Next();
        ParseFields(target, path, '}', openedAt);
        _scanner.Next();
    }

    private void ParseFields(HoconObject target, string[] path, char closedBy, int openedAt)
    {
        if (++_depth > DepthMax) throw Wrong($"more than {DepthMax} levels of braces");
        _scanner.SkipToContent();
        while (!AtClose(closedBy, openedAt, "{"))
        {
            if (!TryParseInclude(target, path)) ParseField(target, path);
            EndElement(closedBy, "setting");
        }

        _depth--;
    }

    private void ParseField(HoconObject target, string[] path)
    {
        var location = Here;
        var key = ParsePath("a setting's name");
        _scanner.TakeSpaces();
        string[] fullPath = [.. path, .. key];

        if (_scanner.Peek() == '{')
        {
            target.Assign(key, ParseValue(fullPath));
        }
        else if (_scanner.TryTake("+="))
        {
            SkipToValue(key);
            target.Assign(key, new HoconAppend(ParseValue(fullPath), location));
        }
        else if (_scanner.Peek() is '=' or ':')
        {
            _scanner.Next();
            SkipToValue(key);
            target.Assign(key, ParseValue(fullPath));
        }
        else
        {
            throw Wrong($"after '{string.Join('.', key)}' comes '=' and a value, or '{{'. A name that contains a space or another special character stands between \"\"");
        }
    }

    /// <summary>A plain value stands on its key's line, so that a forgotten one does not swallow the next setting.</summary>
    private void SkipToValue(string[] key)
    {
        var line = _scanner.Line;
        _scanner.SkipToContent();
        if (_scanner.AtEnd || _scanner.Peek() is '}' or ']' or ',' || (_scanner.Line > line && _scanner.Peek() is not ('{' or '[' or '"')))
            throw new HoconSyntaxException(line, $"'{string.Join('.', key)}' has no value. Write \"\" for an empty one");
    }

    private HoconNode ParseValue(string[] path)
    {
        var location = Here;
        var parts = new List<HoconNode>();
        while (true)
        {
            var space = _scanner.TakeSpaces();
            if (ParsePart(path, isFirst: parts.Count == 0) is not { } part) break;
            if (space.Length > 0 && parts.Count > 0) parts.Add(new HoconSpace(space, location));
            parts.Add(part);
        }

        return parts switch
        {
            [] => throw Wrong($"'{_scanner.Peek()}' cannot begin a value. A text that contains it stands between \"\""),
            [HoconUnquoted { Text: "null" } single] => new HoconNull(single.Location),
            _ when parts.TrueForAll(part => part is HoconText or HoconUnquoted or HoconSpace) => new HoconText(string.Concat(parts.Select(TextOf)), location),
            [var single] => single,
            _ => new HoconConcatenation([.. parts.Select(part => part is HoconUnquoted unquoted ? new HoconText(unquoted.Text, unquoted.Location) : part)], location),
        };
    }

    private HoconNode? ParsePart(string[] path, bool isFirst)
    {
        var location = Here;
        switch (_scanner.Peek())
        {
            case '"':
                return new HoconText(_scanner.TakeQuoted(), location);
            case '$' when _scanner.Peek(1) == '{':
                return ParseSubstitution();
            case '{':
                var section = new HoconObject(location);
                ParseObject(section, path);
                return section;
            case '[':
                return ParseList(path);
            default:
                if (_scanner.AtUnquoted) return new HoconUnquoted(_scanner.TakeUnquoted(), location);
                if (!isFirst && !AtValueEnd) throw Wrong(_scanner.Peek() is '=' or ':'
                    ? $"'{_scanner.Peek()}' inside a value. Settings on one line are separated by ','; a text that contains it stands between \"\""
                    : $"'{_scanner.Peek()}' inside a value. A text that contains it stands between \"\"");
                return null;
        }
    }

    private bool AtValueEnd => _scanner.AtEnd || _scanner.AtComment || _scanner.Peek() is '\n' or ',' or '}' or ']';

    private HoconSubstitution ParseSubstitution()
    {
        var location = Here;
        _scanner.TryTake("${");
        var isOptional = _scanner.TryTake("?");
        _scanner.TakeSpaces();
        var path = ParsePath("the name of another setting or of an environment variable");
        _scanner.TakeSpaces();
        if (!_scanner.TryTake("}")) throw Wrong("'${' without '}'");
        return new HoconSubstitution(path, _file.Base, isOptional, location);
    }

    private HoconList ParseList(string[] path)
    {
        var location = Here;
        if (++_depth > DepthMax) throw Wrong($"more than {DepthMax} levels of brackets");
        _scanner.Next();
        var items = new List<HoconNode>();
        _scanner.SkipToContent();
        while (!AtClose(']', location.Line, "["))
        {
            items.Add(ParseValue(path));
            EndElement(']', "item");
        }

        _scanner.Next();
        _depth--;
        return new HoconList(items, location);
    }

    private bool AtClose(char closedBy, int openedAt, string opener)
    {
        if (_scanner.AtEnd) return closedBy == HoconScanner.End ? true : throw new HoconSyntaxException(openedAt, $"the '{opener}' that is opened here is never closed");
        if (_scanner.Peek() is '}' or ']' && _scanner.Peek() != closedBy && closedBy != HoconScanner.End)
            throw Wrong($"'{_scanner.Peek()}' where '{closedBy}' must close the '{opener}' of line {openedAt}");
        return _scanner.Peek() is '}' or ']';
    }

    /// <summary>Elements are separated by a comma or a new line; one comma after the last is fine.</summary>
    private void EndElement(char closedBy, string element)
    {
        var isNewLine = _scanner.SkipToContent();
        if (_scanner.Peek() == ',')
        {
            _scanner.Next();
            _scanner.SkipToContent();
            if (_scanner.Peek() == ',') throw Wrong("two commas in a row");
        }
        else if (!isNewLine && !_scanner.AtEnd && _scanner.Peek() is not ('}' or ']'))
        {
            throw Wrong($"the next {element} begins on a new line or after ','");
        }
    }

    private bool TryParseInclude(HoconObject target, string[] path)
    {
        if (!_scanner.TryTake("include ") && !_scanner.TryTake("include\t")) return false;
        var location = Here;
        _scanner.TakeSpaces();
        var wrappers = 0;
        while (_scanner.TryTake("required(") || _scanner.TryTake("file("))
        {
            _scanner.TakeSpaces();
            wrappers++;
        }

        if (_scanner.Peek() != '"') throw Wrong("after 'include' comes a file's name between \"\"");
        var name = _scanner.TakeQuoted();
        for (; wrappers > 0; wrappers--)
        {
            _scanner.TakeSpaces();
            if (!_scanner.TryTake(")")) throw Wrong("'(' without ')'");
        }

        Include(name, target, path, location);
        return true;
    }

    private void Include(string name, HoconObject target, string[] path, SourceLocation location)
    {
        var included = Normalise(Path.Combine(Path.GetDirectoryName(_file.Path) ?? "", name));
        string At() => string.Join('.', path);
        if (_file.Chain.Contains(included, StringComparer.Ordinal))
        {
            _problems.Add(new ConfigProblem(location, At(), $"includes itself: {string.Join(" -> ", [.. _file.Chain, included])}"));
            return;
        }

        if (_files(included) is not { } text)
        {
            _problems.Add(new ConfigProblem(location, At(), $"includes '{name}', but there is no file {included}"));
            return;
        }

        target.Merge(Parse(new HoconFile(included, text, [.. _file.Chain, included], path), _files, _problems));
    }

    /// <summary>One spelling for each file, so that a cycle is seen.</summary>
    private static string Normalise(string path)
    {
        var parts = new List<string>();
        foreach (var part in path.Split('/', Path.DirectorySeparatorChar))
        {
            if (part == ".." && parts is [.., not ("" or "..")]) parts.RemoveAt(parts.Count - 1);
            else if (part != ".") parts.Add(part);
        }

        return string.Join('/', parts);
    }

    private string[] ParsePath(string expected)
    {
        var path = new List<string>();
        do
        {
            var part = ParsePathPart();
            if (part is null) throw Wrong(path.Count == 0 ? $"expected {expected}, found {Found}" : $"expected a name after the dot, found {Found}");
            path.Add(part);
        }
        while (_scanner.TryTake("."));
        return [.. path];
    }

    /// <summary>Quoted and unquoted pieces side by side are one name; null when there is none.</summary>
    private string? ParsePathPart()
    {
        string? part = null;
        while (true)
        {
            if (_scanner.Peek() == '"') part += _scanner.TakeQuoted();
            else if (_scanner.AtUnquoted && _scanner.Peek() != '.') part += _scanner.TakeUnquoted(stopAt: '.');
            else return part;
        }
    }

    private string Found => _scanner.AtEnd ? "the end of the file" : $"'{_scanner.Peek()}'";

    private HoconSyntaxException Wrong(string message) => new(_scanner.Line, message);

    private static string TextOf(HoconNode node) => node switch
    {
        HoconText text => text.Text,
        HoconUnquoted unquoted => unquoted.Text,
        HoconSpace space => space.Text,
        _ => throw new InvalidOperationException($"{node.GetType().Name} has no text."),
    };

    /// <summary>Text without quotation marks, while a value is being put together: only it can be <c>null</c>.</summary>
    private sealed record HoconUnquoted(string Text, SourceLocation Location) : HoconNode(Location);
}
