"""Runs a command on a terminal of its own and plays a person at it.

    person.py [--size COLUMNSxLINES] [--env NAME=VALUE…] [--until PATTERN ACTION]… -- COMMAND…

Actions happen in this order, each once its pattern has appeared in what came after the one before: `int` types ^C, `int2` types it twice,
anything else is typed, with a line end. Everything the terminal got goes to standard output; the exit status is the command's.
"""
import fcntl, os, pty, re, select, struct, sys, termios, time

args, size, script = sys.argv[1:], (100, 30), []
while args[0] != "--":
    if args[0] == "--size":
        size, args = tuple(int(x) for x in args[1].split("x")), args[2:]
    elif args[0] == "--env":
        name, value = args[1].split("=", 1)
        os.environ[name] = value
        args = args[2:]
    else:
        script.append((re.compile(args[1].encode()), args[2]))
        args = args[3:]
pid, fd = pty.fork()
if pid == 0:
    if "NO_COLOR" in os.environ and not os.environ["NO_COLOR"]:
        del os.environ["NO_COLOR"]
    os.execvp(args[1], args[1:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
seen, at, end = b"", 0, time.time() + 600
while time.time() < end:
    if select.select([fd], [], [], 0.2)[0]:
        try:
            piece = os.read(fd, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    if script and (match := script[0][0].search(seen, at)):
        at, action = match.end(), script.pop(0)[1]
        os.write(fd, {"int": b"\x03", "int2": b"\x03"}.get(action, action.encode() + b"\n"))
        if action == "int2":
            time.sleep(0.05)
            os.write(fd, b"\x03")
else:
    os.kill(pid, 9)
    seen += b"\nperson.py: no end after ten minutes\n"
sys.stdout.buffer.write(seen)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
