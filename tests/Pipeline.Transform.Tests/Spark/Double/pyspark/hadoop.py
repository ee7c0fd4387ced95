"""Hadoop's local file system and Parquet's footers, under the names that they have in the JVM."""

import os
import sys
import urllib.parse

from py4j.protocol import Py4JJavaError, Throwable


def thrown(name, message):
    return Py4JJavaError("An error occurred while calling o1.call", Throwable(name, message))


class Named(object):
    def __init__(self, **members):
        self.__dict__.update(members)


class Uri(object):
    """Of a local file: its text is encoded."""

    def __init__(self, path, slashes):
        self._path, self._slashes = path, slashes

    def getPath(self):
        return self._path

    def getScheme(self):
        return "file"

    def toString(self):
        return "file:" + self._slashes + urllib.parse.quote(self._path, safe="/:=,+'*")


class Path(object):
    def __init__(self, text):
        if ":" in os.path.basename(text):
            raise thrown("java.lang.IllegalArgumentException", "java.net.URISyntaxException: Relative path in absolute URI: " + text)
        self.is_qualified = text.startswith("file:")
        self.local = os.path.normpath("/" + text[5:].lstrip("/") if self.is_qualified else text)

    def getFileSystem(self, conf):
        return FileSystem()

    def getName(self):
        return os.path.basename(self.local)

    def getParent(self):
        return Path("file:" + os.path.dirname(self.local))

    def toUri(self):
        return Uri(self.local, "//" if self.is_qualified else "")

    def toString(self):
        return "file:" + self.local if self.is_qualified else self.local


class Status(object):
    def __init__(self, path):
        self._path = path

    def getPath(self):
        return Path(self._path)

    def getLen(self):
        return os.path.getsize(self._path)

    def isFile(self):
        return os.path.isfile(self._path)


class FileSystem(object):
    def setWriteChecksum(self, write):
        pass

    def setVerifyChecksum(self, verify):
        pass

    def getUri(self):
        return Uri("/", "//")

    def makeQualified(self, path):
        return Path("file:" + os.path.abspath(path.local))

    def exists(self, path):
        return os.path.exists(path.local)

    def open(self, path):
        if not os.path.exists(path.local):
            raise thrown("java.io.FileNotFoundException", "File file:{} does not exist".format(path.local))
        return open(path.local, "rb")

    def create(self, path, overwrite):
        if os.path.exists(path.local) and not overwrite:
            raise thrown("org.apache.hadoop.fs.FileAlreadyExistsException", "File already exists: " + path.local)
        return open(path.local, "wb")

    def listStatus(self, path):
        # A file system with checksums does not show them.
        return [Status(os.path.join(path.local, name)) for name in sorted(os.listdir(path.local)) if not name.endswith(".crc")]

    def rename(self, path, to):
        os.rename(path.local, to.local)
        return True

    def delete(self, path, recursive):
        if os.path.isfile(path.local):
            os.remove(path.local)
        elif os.path.isdir(path.local):
            for name in os.listdir(path.local):
                self.delete(Path(os.path.join(path.local, name)), True)
            os.rmdir(path.local)
        return True


class Footer(object):
    """A ParquetFileReader and all that is got from it."""

    def __init__(self, duckdb, path):
        with FileSystem().open(Path(path)) as file:
            if file.read(4) != b"PAR1":
                raise thrown("java.lang.RuntimeException", path + " is not a Parquet file. Expected magic number at tail")
        name = path.replace("'", "''")
        self._rows = duckdb("SELECT num_rows FROM parquet_file_metadata('{}')".format(name))[0][0]
        columns = duckdb("SELECT name, type, logical_type FROM parquet_schema('{}')".format(name))
        self._schema = "message {} {{\n{}\n}}\n".format(columns[0][0], "\n".join("  optional {} {} {};".format(kind, column, logical) for column, kind, logical in columns[1:]))

    def getFooter(self):
        return self

    getFileMetaData = getFooter

    def getSchema(self):
        return self

    def toString(self):
        return self._schema

    def getRecordCount(self):
        return self._rows

    def close(self):
        pass


def jvm(duckdb):
    return Named(
        java=Named(lang=Named(System=Named(err=Named(println=lambda line: (sys.stderr.write(line + "\n"), sys.stderr.flush()))))),
        org=Named(apache=Named(
            hadoop=Named(fs=Named(Path=Path)),
            commons=Named(io=Named(IOUtils=Named(toByteArray=lambda stream: stream.read()))),
            parquet=Named(hadoop=Named(
                ParquetFileReader=Named(open=lambda path: Footer(duckdb, path.local)),
                util=Named(HadoopInputFile=Named(fromPath=lambda path, conf: path)))))))
