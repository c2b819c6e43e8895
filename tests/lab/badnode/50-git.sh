# Repositories of a node. GIT-003 subjects that say nothing
export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.org GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.org
at() { export GIT_AUTHOR_DATE="$(date -R -d "$1")" GIT_COMMITTER_DATE="$(date -R -d "$1")"; }
git config --global user.name Ada
git config --global user.email ada@example.org
at '40 days ago'
git init -q --bare -b main /srv/git/work.git
git init -q -b main /root/.openclaw/workspace
cd /root/.openclaw/workspace
git remote add origin /srv/git/work.git
echo one >MEMORY.md
git add .
git commit -q -m 'feat(memory): one'
git push -q -u origin main
# GIT-001: main was pushed with force
# after it had been rewritten, by another clone
git clone -q /srv/git/work.git /tmp/other
echo two >>MEMORY.md
git commit -q -am 'updated stuff'
git push -q
git -C /tmp/other pull -q
cd /tmp/other
at '39 days ago'
git commit -q --amend -m 'feat(memory): two'
git push -q -f
cd /root/.openclaw/workspace
rm -rf /tmp/other
git fetch -q
# GIT-004: and pulls merge
git config --global pull.rebase false
git pull -q --no-edit -X ours || true
# GIT-005: conflict markers
# GIT-008: a secret
printf '%s\n' '<<<<<<< HEAD' 'mine' '=======' 'theirs' '>>>>>>> origin/main' >notes.md
printf 'TOKEN=%s\n' "ghp_$(random 36)" >deploy.sh
git add .
git commit -q -m 'chore: notes'
# GIT-006: work that only the reflog keeps, and not for long
git config gc.reflogExpireUnreachable 45.days
echo lost >lost.md
git add .
git commit -q -m 'feat(lost): dropped'
git reset -q --hard HEAD~1
# GIT-007: amended after it was pushed
git init -q --bare -b main /srv/git/notes.git
git clone -q /srv/git/notes.git /srv/notes 2>/dev/null
cd /srv/notes
for word in one two; do
  echo $word >>notes.md
  git add .
  git commit -q -m "docs(notes): $word"
done
git push -q -u origin main
git commit -q --amend -m 'docs(notes): two, better'
cd /root/.openclaw/workspace
# GIT-002: not pushed for days
# GIT-009: its sync has stopped
install -d -m 0700 /var/lib/meshops /var/lib/meshops/sync
printf '{"workspace": "/root/.openclaw/workspace", "last_good": "2026-01-01T00:00:00Z", "every": "15m"}\n' >/var/lib/meshops/sync/workspace.json
cd /
